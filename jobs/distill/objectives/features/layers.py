"""Which layer of the student learns from which layer of the teacher. Layer 0 are the embeddings, layer L the last block."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pydantic import Field, field_validator

from ..base import Options

if TYPE_CHECKING:
    from torch import Tensor

    from ..states import ModelShape, States

PAIRS = re.compile(r"\d+:\d+(,\d+:\d+)*")
LAYERS_HELP = (
    "last: the last block of each. uniform: every block of the student, with the teacher's block at the same share of its"
    " depth. Or pairs student:teacher, for instance 6:12,12:24; 0 are the embeddings."
)


class LayerOptions(Options):
    """Terms that compare layers."""

    layers: str = Field("last", max_length=400, title="Layers", description=LAYERS_HELP)

    @field_validator("layers")
    @classmethod
    def _it_is_a_map(cls, given: str) -> str:
        text = given.replace(" ", "")
        if text not in ("last", "uniform") and not PAIRS.fullmatch(text):
            raise ValueError(f"is {given!r}; say last, uniform, or pairs of layers such as 6:12,12:24")
        return text


def layer_map(layers: str, student: int, teacher: int) -> list[tuple[int, int]]:
    """Pairs (student's layer, teacher's layer) for models of so many blocks. Raises ValueError for a layer that does not exist."""
    if layers == "last":
        return [(student, teacher)]
    if layers == "uniform":
        return [(s, max(1, round(s * teacher / student))) for s in range(1, student + 1)]
    pairs = [(int(s), int(t)) for s, _, t in (pair.partition(":") for pair in layers.split(","))]
    for s, t in pairs:
        if s > student or t > teacher:
            raise ValueError(
                f"the pair {s}:{t} names a layer that is not there: the student has {student}, the teacher {teacher}"
            )
    return pairs


def mapped(student: ModelShape, teacher: ModelShape | None, layers: str) -> list[tuple[int, int]]:
    """The layer map of two models that are loaded. Raises PlanRefused."""
    from ...errors import PlanRefused

    if teacher is None:
        raise PlanRefused(
            "The layers of both models are compared, and no teacher runs beside the student.",
            field="teacher",
            hint="Let the teacher run beside the student.",
        )
    try:
        return layer_map(layers, student.layers, teacher.layers)
    except ValueError as e:
        raise PlanRefused(f"Layers: {e}.", field="terms", hint="Say uniform, or name layers both models have.") from e


def names(pairs: list[tuple[int, int]], kinds: tuple[str, ...] = ("layer",)) -> tuple[set[str], set[str]]:
    """Captures of the student and of the teacher."""
    return {f"{k}.{s}" for s, _ in pairs for k in kinds}, {f"{k}.{t}" for _, t in pairs for k in kinds}


def two(states: States, pair: tuple[int, int], kind: str = "layer") -> tuple[Tensor, Tensor]:
    """The student's and the teacher's tensor of a pair, in float32 (float64 stays); the teacher's without graph."""
    from ...products import wide

    return wide(states.student[f"{kind}.{pair[0]}"]), wide(states.teacher[f"{kind}.{pair[1]}"]).detach()


def mean(values: list[Tensor]) -> Tensor:
    """Mean over the pairs of layers, [N]."""
    return sum(values[1:], values[0]) / len(values)
