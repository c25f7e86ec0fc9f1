"""Datasets and their immutable versions."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models.functions import Now


class Dataset(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(
        "team.Team", null=True, on_delete=models.CASCADE, help_text="null: shared by all teams (samples)"
    )
    key = models.CharField(
        max_length=200, help_text="What a recipe says: sample/banking77, or a name made from the title"
    )
    title = models.CharField(max_length=200)
    licence = models.CharField(max_length=200, default="", blank=True)
    attribution = models.TextField(default="", blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["title"]
        constraints = [
            models.UniqueConstraint(fields=["team", "key"], name="one_dataset_per_key", nulls_distinct=False)
        ]


class Upload(models.Model):
    """Raw bytes a person gave us, and what was found in them; kept until it has become a version or is discarded."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey("team.Team", on_delete=models.CASCADE)
    created_by = models.ForeignKey("team.User", null=True, on_delete=models.SET_NULL)
    dataset = models.ForeignKey(Dataset, null=True, on_delete=models.CASCADE, help_text="null: becomes a new dataset")
    filename = models.CharField(max_length=300)
    blob = models.ForeignKey("runs.Blob", on_delete=models.PROTECT)
    findings = models.JSONField(help_text="format, encoding, columns, first rows, guessed roles with reasons, problems")
    origin = models.JSONField(
        default=dict, help_text="kind (file, paste, address, hub, version, run) and what it needs"
    )
    fetched_by = models.OneToOneField(
        "runs.Run", null=True, on_delete=models.SET_NULL, related_name="upload", help_text="the work that brought it"
    )
    idem_key = models.UUIDField(null=True, unique=True, help_text="of the form or request: sent twice is taken once")
    created_at = models.DateTimeField(auto_now_add=True)


class PartialUpload(models.Model):
    """A file that comes in parts. `received` is the truth about what is here: parts stand below it without gap or overlap."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey("team.Team", on_delete=models.CASCADE)
    created_by = models.ForeignKey("team.User", on_delete=models.CASCADE)
    dataset = models.ForeignKey(Dataset, null=True, on_delete=models.CASCADE)
    filename = models.CharField(max_length=300)
    size = models.BigIntegerField(help_text="bytes of the whole file, as announced")
    head_sha256 = models.CharField(
        max_length=64, help_text="of the first bytes: the same file chosen again is recognised"
    )
    received = models.BigIntegerField(default=0)
    upload = models.ForeignKey(Upload, null=True, on_delete=models.CASCADE, help_text="what it became")
    created_at = models.DateTimeField(auto_now_add=True)
    touched_at = models.DateTimeField(db_default=Now(), help_text="when the last part came; forgotten some time after")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["team", "created_by", "dataset", "filename", "size", "head_sha256"],
                condition=models.Q(upload=None),
                name="one_partial_upload_per_file",
                nulls_distinct=False,
            )
        ]


class UploadPart(models.Model):
    pk = models.CompositePrimaryKey("whole", "offset")
    whole = models.ForeignKey(PartialUpload, on_delete=models.CASCADE, related_name="parts")
    offset = models.BigIntegerField()
    data = models.BinaryField()


class DatasetVersion(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="versions")
    number = models.IntegerField()
    sha256 = models.CharField(max_length=64, help_text="Content hash of rows.parquet")
    rows_blob = models.ForeignKey(
        "runs.Blob", on_delete=models.PROTECT, related_name="+", help_text="canonical rows, Parquet"
    )
    source_blob = models.ForeignKey(
        "runs.Blob", null=True, on_delete=models.PROTECT, related_name="+", help_text="the file as it came"
    )
    refused_blob = models.ForeignKey(
        "runs.Blob",
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="refused rows with place, reason and remedy, JSONL",
    )
    changed_blob = models.ForeignKey(
        "runs.Blob",
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="texts that the import changed, with place, before and after, JSONL",
    )
    mapping = models.JSONField(default=dict, help_text="role -> column, and the split rule")
    counts = models.JSONField(default=dict, help_text="rows, labelled, unlabelled, train, heldout, refused")
    facts = models.JSONField(null=True, help_text="DataFacts of the engine")
    profile = models.JSONField(null=True)
    created_by_run = models.ForeignKey("runs.Run", null=True, on_delete=models.SET_NULL, related_name="+")
    origin = models.JSONField(default=dict, help_text="where the rows came from: address, hub files, run, version")
    created_at = models.DateTimeField(auto_now_add=True)
    parent = models.ForeignKey(
        "self",
        null=True,
        on_delete=models.SET_NULL,
        related_name="children",
        help_text="the version whose rows were changed into these; null: made from a file",
    )
    joined = models.ManyToManyField(
        "self", symmetrical=False, related_name="joined_into", help_text="other versions whose rows came in by a join"
    )
    steps = models.JSONField(
        default=list, help_text="the transforms that made it from its parent, in order, replayable"
    )
    changes = models.JSONField(default=list, help_text="per step: rows in, dropped, changed, added, out, by reason")
    changes_blob = models.ForeignKey(
        "runs.Blob",
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="every dropped, changed and added row with its step and reason, JSONL",
    )

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["dataset", "number"], name="one_version_per_number")]


class StepDraft(models.Model):
    """Transforms that a person is putting together for a version; kept on every change, gone once they are made."""

    version = models.ForeignKey(DatasetVersion, on_delete=models.CASCADE, related_name="step_drafts")
    user = models.ForeignKey("team.User", on_delete=models.CASCADE)
    steps = models.JSONField(default=list, help_text="as typed: a step may be unfinished")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["version", "user"], name="one_step_draft_per_person")]
