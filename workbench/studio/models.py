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
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-changed_at"]
