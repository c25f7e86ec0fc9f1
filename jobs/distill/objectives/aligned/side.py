"""How a term finds what a teacher with its own tokenizer brought. Light: no torch at import."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...errors import PlanRefused

if TYPE_CHECKING:
    from .batch import AlignedBatch, AlignedChunk

NAME = "aligned"  # among the extras of a teacher's side


def aligned_in(extras: Mapping[str, Any]) -> AlignedBatch:
    """What the teacher's side brought; raises PlanRefused when the teacher is none that reads its own tokens."""
    from .batch import AlignedBatch

    found = extras.get(NAME)
    if not isinstance(found, AlignedBatch):
        raise _no_such_teacher()
    return found


def chunk_in(teacher: Any) -> AlignedChunk:
    """The same for a term that works inside the pass over the output layer."""
    from .batch import AlignedChunk

    if not isinstance(teacher, AlignedChunk):
        raise _no_such_teacher()
    return teacher


def _no_such_teacher() -> PlanRefused:
    return PlanRefused(
        "This term needs a teacher that runs beside the student and reads its own tokens.",
        field="terms",
        hint="Use one teacher with weights, and teacher: online.",
    )
