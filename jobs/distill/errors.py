"""Every error a person may meet, in one tree. Light: no torch.

DistillError
├── RecipeInvalid        the recipe itself is wrong: unknown field, out of range, newer version
├── PlanRefused          the recipe is well formed but cannot work with these models and data
├── DataRefused          a dataset cannot be read or has no usable rows
├── DatasetChanged       the data differ from the hash the recipe pinned
├── ModelRejected        a model folder is unsafe, broken or unsupported
├── ModelChanged         weights differ from the hash the recipe pinned
├── HubUnavailable       the hub cannot be reached, or refuses (gated, not found)   [retry: when offline]
├── TrainNonFinite       losses or gradients stopped being finite
├── OutOfMemory          does not fit even at micro-batch 1
├── CheckpointDamaged    no checkpoint verifies
├── ArtifactDamaged      stored bytes do not match their hash
├── VerifyFailed         the saved adapter does not reproduce the reported score
└── Transient            anything worth another attempt (disk full, endpoint down)   [retry]

A message says what happened, where (row, column, field, both numbers) and what to do; `hint` is the remedy alone.
"""

from __future__ import annotations

from typing import Any


class DistillError(Exception):
    """An error with a stable code, a sentence for people, the field it belongs to and the remedy.

    `retry` tells the supervisor whether a later attempt may succeed without anybody changing anything.
    """

    code = "DISTILL_ERROR"
    retry = False

    def __init__(
        self,
        message: str,
        *,
        field: str | None = None,
        hint: str | None = None,
        limit: Any = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.hint = hint
        self.limit = limit
        if code:
            self.code = code

    def as_dict(self) -> dict[str, Any]:
        """The form every answer takes: API body, `error.json` of a run folder and the page are made from it."""
        out: dict[str, Any] = {"code": self.code, "message": self.message, "retry": self.retry}
        for name in ("field", "hint", "limit"):
            if (value := getattr(self, name)) is not None:
                out[name] = value
        return out


class RecipeInvalid(DistillError):
    code = "SPEC_INVALID"


class PlanRefused(DistillError):
    code = "PLAN_REFUSED"


class DataRefused(DistillError):
    code = "DATA_REFUSED"


class DatasetChanged(DistillError):
    code = "DATASET_CHANGED"


class ModelRejected(DistillError):
    code = "MODEL_REJECTED"


class ModelChanged(DistillError):
    code = "MODEL_CHANGED"


class HubUnavailable(DistillError):
    code = "HUB_UNAVAILABLE"


class TrainNonFinite(DistillError):
    code = "TRAIN_NONFINITE"


class OutOfMemory(DistillError):
    code = "OOM_AT_MICROBATCH_1"


class CheckpointDamaged(DistillError):
    code = "CHECKPOINT_DAMAGED"


class ArtifactDamaged(DistillError):
    code = "ARTIFACT_DAMAGED"


class VerifyFailed(DistillError):
    code = "VERIFY_FAILED"


class Transient(DistillError):
    code = "TRANSIENT"
    retry = True
