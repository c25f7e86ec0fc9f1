"""Models one may pick as teacher or student."""

from __future__ import annotations

import uuid

from django.db import models


class Source(models.TextChoices):
    SAMPLE = "sample", "Sample"
    HUB = "hub", "Hugging Face hub"
    FOLDER = "folder", "Folder on the server"


class Model(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(
        "team.Team", null=True, on_delete=models.CASCADE, help_text="null: shared by all teams (samples)"
    )
    key = models.CharField(
        max_length=400, help_text="What a recipe says: sample/banking77-teacher, org/name, or a folder's library name"
    )
    title = models.CharField(max_length=200)
    source = models.CharField(max_length=10, choices=Source.choices)
    revision = models.CharField(max_length=200, default="", blank=True, help_text="Commit hash for hub models")
    sha256 = models.CharField(max_length=64, default="", blank=True, help_text="Manifest hash")
    folder = models.CharField(
        max_length=1000, default="", blank=True, help_text="Where the worker keeps it; never shown"
    )
    facts = models.JSONField(null=True, help_text="ModelFacts of the engine, once inspected")
    licence = models.CharField(max_length=200, default="", blank=True)
    attribution = models.TextField(default="", blank=True)
    added_by_run = models.ForeignKey("runs.Run", null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["title"]
        constraints = [
            models.UniqueConstraint(
                fields=["team", "key", "revision"], name="one_model_per_revision", nulls_distinct=False
            )
        ]


class HubToken(models.Model):
    """The team's token for gated models of the hub. Stored sealed; people can set and remove it, never read it."""

    team = models.OneToOneField("team.Team", primary_key=True, on_delete=models.CASCADE)
    sealed = models.TextField()
    set_by = models.ForeignKey("team.User", null=True, on_delete=models.SET_NULL)
    set_at = models.DateTimeField(auto_now=True)
