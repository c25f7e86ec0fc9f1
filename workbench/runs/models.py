"""The table that is the only truth about background work: runs, their events, metrics, slots and stored bytes.

State changes of Run are guarded by a trigger (migrations/0003, legal changes in state.py): illegal ones raise WB001 whatever Python does.
"""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone


class State(models.TextChoices):
    DRAFT = "draft", "Draft"
    QUEUED = "queued", "Waiting"
    CLAIMED = "claimed", "Starting"
    RUNNING = "running", "Running"
    PAUSING = "pausing", "Pausing"
    PAUSED = "paused", "Paused"
    CANCELLING = "cancelling", "Cancelling"
    RETRY_WAIT = "retry_wait", "Waiting to retry"
    SUCCEEDED = "succeeded", "Finished"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"
    QUARANTINED = "quarantined", "Quarantined"


ACTIVE = (State.CLAIMED, State.RUNNING, State.PAUSING, State.CANCELLING)
WAITING = (State.QUEUED, State.RETRY_WAIT)
ENDED = (State.SUCCEEDED, State.FAILED, State.CANCELLED, State.QUARANTINED)
STANDS_STILL = (
    "BUDGET_SPENT",
    "REVIEW_NEEDED",
)  # what an engine ends with when a person has to act before the run goes on


class Kind(models.TextChoices):
    """Kinds of work; the engine child is `python -m jobs.distill <kind>`."""

    DISTILL = "distill", "Distillation"
    EVALUATE = "evaluate", "Evaluation"
    IMPORT_DATASET = "import_dataset", "Dataset import"
    PROFILE_DATASET = "profile_dataset", "Dataset profile"
    FETCH_DATASET = "fetch_dataset", "Fetching a dataset"
    TRANSFORM_DATASET = "transform_dataset", "Dataset transform"
    ADD_MODEL = "add_model", "Adding a model"
    DRY_RUN = "dry_run", "Dry run"
    PREPARE_SAMPLES = "prepare_samples", "Preparing the samples"
    TEST_ENDPOINT = "test_endpoint", "Testing an endpoint"


class Queue(models.TextChoices):
    GPU = "gpu", "Training"
    CPU = "cpu", "Short work"


SLOT_GONE_AFTER = timedelta(seconds=60)


class SlotQuerySet(models.QuerySet["Slot"]):
    def live(self) -> SlotQuerySet:
        """Slots whose worker was heard of within the last minute."""
        return self.filter(last_seen__gt=timezone.now() - SLOT_GONE_AFTER)

    def taking(self) -> SlotQuerySet:
        """Live slots that are not being drained."""
        return self.live().filter(draining=False)


class Slot(models.Model):
    """One place where one run at a time can work: a GPU, or a share of the CPU."""

    host = models.CharField(max_length=200)
    name = models.CharField(max_length=200, help_text="gpu-<uuid> or cpu-<n>")
    queue = models.CharField(max_length=10, choices=Queue.choices)
    device = models.JSONField(default=dict, help_text="DeviceFacts of the engine")
    last_seen = models.DateTimeField(null=True)
    draining = models.BooleanField(default=False)

    objects = SlotQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["host", "name"], name="one_slot_per_device")]


class Run(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    number = models.BigIntegerField(
        db_default=models.Value(0),
        editable=False,
        help_text="1, 2, 3 ... over all teams, for people; filled by a sequence",
    )
    team = models.ForeignKey("team.Team", on_delete=models.CASCADE)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)
    kind = models.CharField(max_length=20, choices=Kind.choices)
    title = models.CharField(max_length=200)
    queue = models.CharField(max_length=10, choices=Queue.choices)
    priority = models.SmallIntegerField(default=0)
    spec = models.JSONField(help_text="Frozen: the recipe of a distillation, or the parameters of other work")
    spec_sha256 = models.CharField(max_length=64)
    plan = models.JSONField(null=True, help_text="The compiled plan at submission")
    idem_key = models.UUIDField(unique=True, default=uuid.uuid4)
    parent = models.ForeignKey("self", null=True, on_delete=models.SET_NULL, related_name="clones")
    dataset_version = models.ForeignKey(
        "datasets.DatasetVersion", null=True, on_delete=models.PROTECT, related_name="runs"
    )

    state = models.CharField(max_length=12, choices=State.choices, default=State.DRAFT)
    desired = models.CharField(
        max_length=6, default="run", choices=[("run", "run"), ("pause", "pause"), ("cancel", "cancel")]
    )
    phase = models.CharField(max_length=12, default="", blank=True)
    wait_reason = models.CharField(max_length=16, default="", blank=True)
    attempt = models.IntegerField(default=0)
    fence = models.BigIntegerField(default=0)
    slot = models.ForeignKey(Slot, null=True, on_delete=models.PROTECT, related_name="runs")
    lease_until = models.DateTimeField(null=True)
    owner = models.CharField(max_length=200, null=True)
    reap_seen = models.DateTimeField(null=True)
    not_before = models.DateTimeField(default=timezone.now)
    last_ckpt_step = models.BigIntegerField(default=0)
    crash_ckpt_step = models.BigIntegerField(default=-1)
    crashes_without_progress = models.IntegerField(default=0)
    events_seen = models.BigIntegerField(default=0, help_text="Events of this attempt that are already in the database")

    progress = models.JSONField(
        null=True, help_text="{done, total, unit, rate, eta, phase} of the newest progress event"
    )
    report = models.JSONField(null=True)
    error = models.JSONField(null=True, help_text="{code, message, field, hint} of the error that ended or delayed it")
    created_at = models.DateTimeField(auto_now_add=True)
    queued_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["team", "-created_at"], name="run_by_team")]
        ordering = ["-created_at"]

    @property
    def is_active(self) -> bool:
        return self.state in ACTIVE

    @property
    def is_ended(self) -> bool:
        return self.state in ENDED


class RunEvent(models.Model):
    """Timeline, log, reasons, samples, alarms and state changes. `id` is the SSE event id: it only grows."""

    id = models.BigAutoField(primary_key=True)
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="events")
    type = models.CharField(max_length=16, help_text="state, or a type of jobs.distill.events")
    attempt = models.IntegerField(default=0)
    fence = models.BigIntegerField(default=0)
    at = models.DateTimeField(db_default=Now())
    data = models.JSONField(default=dict)

    class Meta:
        indexes = [models.Index(fields=["run", "id"], name="event_by_run")]


class Metric(models.Model):
    """One number of one curve at one step; written by COPY in batches."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="metrics")
    attempt = models.IntegerField()
    arm = models.CharField(max_length=8, default="student")
    name = models.CharField(max_length=60)
    step = models.BigIntegerField()
    value = models.FloatField()
    at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [models.Index(fields=["run", "arm", "name", "step"], name="metric_curve")]


class Blob(models.Model):
    """Bytes by their hash. The bytes stand in BlobChunk (8 MiB each) or in the configured object store."""

    sha256 = models.CharField(max_length=64, primary_key=True)
    size = models.BigIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)


class BlobChunk(models.Model):
    pk = models.CompositePrimaryKey("blob", "index")
    blob = models.ForeignKey(Blob, on_delete=models.CASCADE, db_column="sha256", related_name="chunks")
    index = models.IntegerField()
    data = models.BinaryField()


class Artifact(models.Model):
    """A named result of a run; inserted in the transaction that makes the run succeed."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="artifacts")
    name = models.CharField(
        max_length=200, help_text="relative name in the run folder, e.g. adapter/adapter_model.safetensors"
    )
    blob = models.ForeignKey(Blob, on_delete=models.PROTECT)
    attempt = models.IntegerField()
    fence = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "name"], name="one_artifact_per_name")]
