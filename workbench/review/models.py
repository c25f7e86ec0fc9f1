"""Review desks: rows of a version in an order that matters, and every decision people took about them.

Decisions are only ever added. An Opinion is where one seat stands on one row now; its `version` counts up with every change,
so that a form from an older page is noticed.
"""

from __future__ import annotations

import uuid

from django.db import models

from workbench.runs.models import Artifact


class Order(models.TextChoices):
    HINTS = "hints", "What looks wrong: contradictions, personal data, copies"
    UNCERTAINTY = "uncertainty", "Teacher's uncertainty in a run"
    DISAGREEMENT = "disagreement", "Student and teacher disagree in a run"
    SCORE = "score", "Student's score in a run, worst first"
    FILE = "file", "Order of the file"
    RANDOM = "random", "At random"


BY_RUN = (Order.UNCERTAINTY, Order.DISAGREEMENT, Order.SCORE)


class Verdict(models.TextChoices):
    """What a decision does to the row; the last three leave it as it is."""

    ACCEPT = "accept", "Accepted"
    EDIT = "edit", "Edited"
    RELABEL = "relabel", "Relabelled"
    PAINT = "paint", "Painted"
    REJECT = "reject", "Rejected"
    SKIP = "skip", "Skipped"
    COMMENT = "comment", "Commented"
    UNDO = "undo", "Undone"


KEEPS = (Verdict.ACCEPT, Verdict.EDIT, Verdict.RELABEL, Verdict.PAINT)
DECIDES = (*KEEPS, Verdict.REJECT)


class State(models.TextChoices):
    OPEN = "open", "Open"
    HALF = "half", "One reviewer done"
    DONE = "done", "Decided"
    CONFLICT = "conflict", "Reviewers differ"


THIRD = 3  # the seat that settles conflicts


class Review(models.Model):
    """A desk: the first rows of a version in one order."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey("team.Team", on_delete=models.CASCADE)
    version = models.ForeignKey("datasets.DatasetVersion", on_delete=models.CASCADE, related_name="reviews")
    title = models.CharField(max_length=200)
    order = models.CharField(max_length=12, choices=Order.choices, default=Order.HINTS)
    run = models.ForeignKey(
        "runs.Run", null=True, on_delete=models.SET_NULL, related_name="+", help_text="whose outcomes order the rows"
    )
    seats = models.SmallIntegerField(default=1, help_text="people who decide each row: 1 or 2")
    labels = models.JSONField(default=list, help_text="answers a key chooses, the commonest first")
    total = models.IntegerField(default=0, help_text="rows of the version")
    note = models.CharField(max_length=400, default="", blank=True)
    created_by = models.ForeignKey("team.User", null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    made = models.ForeignKey(
        "runs.Run",
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="the newest run that made a version of it",
    )

    class Meta:
        ordering = ["-created_at"]


class Chair(models.Model):
    """Who sits where at a desk of two reviewers."""

    review = models.ForeignKey(Review, on_delete=models.CASCADE, related_name="chairs")
    user = models.ForeignKey("team.User", on_delete=models.CASCADE)
    seat = models.SmallIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["review", "user"], name="one_chair_per_person"),
            models.UniqueConstraint(fields=["review", "seat"], name="one_person_per_chair"),
        ]


class Item(models.Model):
    """One row on a desk, as it was when the desk was set up."""

    review = models.ForeignKey(Review, on_delete=models.CASCADE, related_name="items")
    rank = models.IntegerField(help_text="place on the desk, from 1")
    place = models.IntegerField(help_text="number of the row in the version, from 1")
    row_id = models.CharField(max_length=80)
    row = models.JSONField(help_text="the canonical row")
    why = models.TextField(default="", blank=True, help_text="why it stands here")
    said = models.JSONField(default=dict, help_text="what models said, by arm")
    state = models.CharField(max_length=8, choices=State.choices, default=State.OPEN)

    class Meta:
        ordering = ["rank"]
        constraints = [models.UniqueConstraint(fields=["review", "rank"], name="one_item_per_rank")]
        indexes = [models.Index(fields=["review", "state", "rank"], name="item_by_state")]


class Decision(models.Model):
    """Who decided what, when, from what to what. Never changed, never deleted."""

    item = models.ForeignKey(Item, on_delete=models.CASCADE, related_name="decisions")
    seat = models.SmallIntegerField()
    user = models.ForeignKey("team.User", null=True, on_delete=models.SET_NULL, related_name="+")
    verdict = models.CharField(max_length=8, choices=Verdict.choices)
    old = models.JSONField(help_text="messages, answer and paint before")
    new = models.JSONField(help_text="messages, answer and paint after")
    reason = models.CharField(max_length=500, default="", blank=True)
    comment = models.TextField(default="", blank=True)
    undoes = models.ForeignKey("self", null=True, on_delete=models.SET_NULL, related_name="undone_by")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]


class Opinion(models.Model):
    """Where one seat stands on one row now. `decision` null: nowhere (any more)."""

    item = models.ForeignKey(Item, on_delete=models.CASCADE, related_name="opinions")
    seat = models.SmallIntegerField()
    decision = models.ForeignKey(Decision, null=True, on_delete=models.SET_NULL, related_name="+")
    version = models.IntegerField(default=0, help_text="counts changes; a form that saw an older one is stale")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["item", "seat"], name="one_opinion_per_seat")]


class Gate(models.Model):
    """A stage `review` of a run: the version its rows were laid out as, the desk over it, the version a person chose."""

    run = models.ForeignKey("runs.Run", on_delete=models.CASCADE, related_name="gates")
    stage = models.CharField(max_length=100)
    file = models.CharField(max_length=80, help_text="name of the stage in the run's outputs")
    making = models.ForeignKey(
        "runs.Run",
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="the import that lays the rows out",
    )
    version = models.ForeignKey("datasets.DatasetVersion", null=True, on_delete=models.PROTECT, related_name="+")
    review = models.ForeignKey(Review, null=True, on_delete=models.SET_NULL, related_name="+")
    chosen = models.ForeignKey("datasets.DatasetVersion", null=True, on_delete=models.PROTECT, related_name="+")
    chosen_by = models.ForeignKey("team.User", null=True, on_delete=models.SET_NULL, related_name="+")
    chosen_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "stage"], name="one_gate_per_stage")]

    def laid_out(self) -> Artifact:
        """What the stage laid out, as the run wrote it."""
        return Artifact.objects.get(run=self.run_id, name=f"outputs/{self.file}.jsonl")
