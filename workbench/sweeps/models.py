"""A sweep: one recipe, some of its fields with several values, and the runs that came of it."""

from __future__ import annotations

import uuid

from django.db import models


class Sweep(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey("team.Team", on_delete=models.CASCADE)
    created_by = models.ForeignKey("team.User", null=True, on_delete=models.SET_NULL)
    title = models.CharField(max_length=200)
    recipe = models.JSONField(help_text="The recipe that every setting changes")
    axes = models.JSONField(help_text="[{path, values}]")
    mode = models.CharField(max_length=4, choices=[("grid", "Grid"), ("list", "List")], default="grid")
    keep = models.SmallIntegerField(null=True, help_text="race: one setting in so many goes on; null: no race")
    rounds = models.SmallIntegerField(default=1)
    idem_key = models.UUIDField(unique=True, default=uuid.uuid4, help_text="a double click is one sweep")
    stopped_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True, help_text="when the last round had ended and was looked at")
    note = models.TextField(default="", blank=True, help_text="why a race stopped before its last round")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]


class SweepRun(models.Model):
    """One setting in one round."""

    sweep = models.ForeignKey(Sweep, on_delete=models.CASCADE, related_name="members")
    run = models.OneToOneField("runs.Run", on_delete=models.CASCADE, related_name="sweep_member")
    index = models.IntegerField(help_text="which setting, from 0")
    round = models.SmallIntegerField(default=0)
    changes = models.JSONField(help_text="{path: value}")

    class Meta:
        ordering = ["round", "index"]
        constraints = [
            models.UniqueConstraint(fields=["sweep", "index", "round"], name="one_run_per_setting_and_round")
        ]
