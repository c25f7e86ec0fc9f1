"""What a term over hidden states may read of one micro-batch.

Names of captures: `layer.0` are the embeddings, `layer.7` the states after the seventh block; `q.7`, `k.7`, `v.7` the outputs
of that block's projections. Layers are gathered at the supervised positions, [N, H]; projections stay whole, [rows, length, D].
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from torch import Tensor

if TYPE_CHECKING:
    from ..output_layer import Head


@dataclass(frozen=True)
class ModelShape:
    """Sizes of a model that a term may need before anything runs."""

    layers: int
    hidden: int
    heads: int
    vocab: int


@dataclass(frozen=True)
class States:
    """One micro-batch. The teacher's tensors carry no gradient; without a teacher they are empty."""

    student: Mapping[str, Tensor]
    teacher: Mapping[str, Tensor]
    hidden: Tensor  # [N, H] last states of the student, with graph
    head: Head
    labels: Tensor  # [N]
    of: Tensor  # [N] row of each position
    places: Tensor  # [N] rows * length index of each position
    lengths: Tensor  # [rows] real tokens of each row's input
    teacher_hidden: Tensor | None = None  # [N, H_T]
    teacher_head: Head | None = None
    chunk: int = field(default=128)  # rows of the output layer worked on at a time
    extras: Mapping[str, Any] = field(default_factory=dict)  # of the teacher's side
    paint: Tensor | None = (
        None  # [N] weight of each position, for what a term shares out over an answer; None: all are 1
    )
