"""Drafts of recipes, saved on every change."""

from __future__ import annotations

import uuid

from django.db import models


class Draft(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey("team.Team", on_delete=models.CASCADE)
    created_by = models.ForeignKey("team.User", null=True, on_delete=models.SET_NULL)
    title = models.CharField(max_length=200, default="", blank=True)
    fields = models.JSONField(default=dict, help_text="The recipe as far as it is filled in; need not be valid yet")
    run = models.ForeignKey(
        "runs.Run", null=True, on_delete=models.SET_NULL, related_name="drafts", help_text="the run it became"
    )
    idem_key = models.UUIDField(default=uuid.uuid4, help_text="a double click on Start is one run")
    comments = models.JSONField(default=list, blank=True, help_text="Comments of the recipe's text, each with its path")
    head = models.PositiveIntegerField(default=0, help_text="number of the change whose state this is")
    device = models.CharField(
        max_length=80,
        default="",
        blank=True,
        help_text="what memory is shown against: a GPU's id; empty for the slots here",
    )
    dry_run = models.ForeignKey(
        "runs.Run", null=True, on_delete=models.SET_NULL, related_name="+", help_text="the newest dry run"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-changed_at"]


class DraftChange(models.Model):
    """One state a draft was in. Undone changes stay: a later change has the state before it as `parent`, so nothing is lost."""

    draft = models.ForeignKey(Draft, on_delete=models.CASCADE, related_name="changes")
    number = models.PositiveIntegerField()
    parent = models.PositiveIntegerField(null=True, help_text="number of the state it came from")
    fields = models.JSONField(default=dict)
    comments = models.JSONField(default=list)
    words = models.CharField(max_length=400, help_text="what was changed, as a sentence")
    by = models.ForeignKey("team.User", null=True, on_delete=models.SET_NULL)
    tab = models.CharField(max_length=40, default="", blank=True, help_text="page that sent it; empty for the API")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["draft", "number"], name="one_number_per_draft")]


class Tour(models.Model):
    """How far a person has gone through the tour of the studio; dismissed or finished, it does not come back by itself."""

    user = models.OneToOneField("team.User", on_delete=models.CASCADE, related_name="tour")
    step = models.PositiveSmallIntegerField(default=1)
    ended_at = models.DateTimeField(null=True)
