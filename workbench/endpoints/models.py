"""Teachers behind an address, and the ledger of what they were asked."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models.functions import Now

from jobs.distill.plan.licences import WORDS
from jobs.distill.recipe.endpoint import LIBRARY


class Endpoint(models.Model):
    """A model that a server offers over HTTP. Its key is stored sealed; people can set and remove it, never read it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey("team.Team", on_delete=models.CASCADE, related_name="endpoints")
    name = models.CharField(max_length=80)
    slug = models.CharField(max_length=80, help_text="a recipe says endpoint/SLUG")
    spec = models.JSONField(help_text="jobs.distill.recipe.endpoint.Endpoint, without key and budget")
    monthly_price = models.FloatField(null=True, blank=True, help_text="hard cap of a calendar month (UTC)")
    monthly_tokens = models.BigIntegerField(null=True, blank=True)
    outputs = models.CharField(max_length=10, choices=list(WORDS.items()), default="unknown")
    licence = models.CharField(max_length=200, default="", blank=True, help_text="where its terms stand, in words")
    sealed = models.TextField(default="", blank=True)
    key_set_at = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey("team.User", null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)
    tested = models.JSONField(null=True, help_text="what the last test found, as the engine wrote it")
    tested_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["team", "slug"], name="one_endpoint_per_slug")]

    @property
    def key(self) -> str:
        """What a recipe calls it."""
        return f"{LIBRARY}{self.slug}"

    @property
    def has_key(self) -> bool:
        return bool(self.sealed)

    @property
    def logprobs(self) -> int:
        """Alternatives a token it gives; 0: text only."""
        return int(self.spec.get("logprobs") or 0)


class TeacherCall(models.Model):
    """One question and what came of it, as the run's ledger has it. The same question to the same asker is one row."""

    id = models.BigAutoField(primary_key=True)
    team = models.ForeignKey("team.Team", on_delete=models.CASCADE, related_name="+")
    asker = models.CharField(max_length=200, help_text="names address and model, or the weights")
    request = models.CharField(max_length=64, help_text="sha256 of everything the answer depends on")
    endpoint = models.ForeignKey(Endpoint, null=True, on_delete=models.SET_NULL, related_name="calls")
    run = models.ForeignKey("runs.Run", null=True, on_delete=models.SET_NULL, related_name="teacher_calls")
    attempt = models.IntegerField(default=0)
    prompt = models.JSONField(help_text="the messages")
    answer = models.TextField()
    outcome = models.CharField(max_length=12)
    why = models.TextField(default="", blank=True)
    finish = models.CharField(max_length=40, default="", blank=True)
    tokens_in = models.BigIntegerField(default=0)
    tokens_out = models.BigIntegerField(default=0)
    price = models.FloatField(default=0)
    seconds = models.FloatField(default=0)
    version = models.CharField(max_length=200, default="", blank=True, help_text="of the model, as it calls itself")
    more = models.JSONField(default=dict, help_text="{asked, reply}: the rest of the ledger's line")
    raw = models.TextField(default="", blank=True, help_text="the line itself, where a column could not hold its text")
    at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "asker", "request"], name="one_call_per_request")]
        indexes = [
            models.Index(fields=["run", "outcome", "id"], name="call_by_run"),
            models.Index(fields=["endpoint", "at"], name="call_by_month"),
        ]


class Allowance(models.Model):
    """The cap of one endpoint in one run that a person raised; the recipe itself is frozen."""

    run = models.ForeignKey("runs.Run", on_delete=models.CASCADE, related_name="allowances")
    endpoint = models.CharField(max_length=100, help_text="endpoint/SLUG")
    max_price = models.FloatField(null=True)
    max_tokens = models.BigIntegerField(null=True)
    set_by = models.ForeignKey("team.User", null=True, on_delete=models.SET_NULL, related_name="+")
    set_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "endpoint"], name="one_allowance_per_endpoint")]
