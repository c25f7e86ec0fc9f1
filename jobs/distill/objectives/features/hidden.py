"""Hints: the student's hidden states, through a trained projection, approach the teacher's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from ..base import Paper, StatesPart
from .layers import LayerOptions, mapped, mean, names, two

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ..states import ModelShape, States

Distance = Literal["mse", "normalised_mse", "smooth_l1", "cosine"]


class HiddenOptions(LayerOptions):
    distance: Distance = Field(
        "mse",
        title="Distance",
        description="mse: mean squared difference over the width. normalised_mse: squared difference over the teacher's squared"
        " length. smooth_l1: like mse near 0, like the absolute difference far away. cosine: 1 - cos of the angle.",
    )


class Hidden(StatesPart):
    id = "hidden"
    title = "Hidden states"
    summary = "The student's states at chosen layers, through a trained linear projection, approach the teacher's."
    when_to_use = "A teacher with weights here and the student's tokenizer, beside a term over the answers."
    formula = r"\ell = \frac{1}{|M|}\sum_{(l, m) \in M} d(P_l h^S_l,\, h^T_m)"
    paper = Paper(
        title="FitNets: Hints for Thin Deep Nets", authors="Romero, Ballas, Kahou, Chassang, Gatta, Bengio", year=2015,
        venue="ICLR", url="https://arxiv.org/abs/1412.6550", arxiv="1412.6550",
    )  # fmt: skip
    reads = ("student.layers", "teacher.layers")
    needs = frozenset({"teacher", "same_vocabulary", "live_teacher", "layers"})
    Options = HiddenOptions

    def layers(self, student: ModelShape, teacher: ModelShape | None, options: Any) -> list[tuple[int, int]]:
        return mapped(student, teacher, options.layers)

    def captures(self, student: ModelShape, teacher: ModelShape | None, options: Any) -> tuple[set[str], set[str]]:
        return names(self.layers(student, teacher, options))

    def module(self, student: ModelShape, teacher: ModelShape | None, options: Any) -> nn.Module:
        from .projectors import Projections

        pairs = self.layers(student, teacher, options)
        assert teacher is not None  # or there would be no pairs
        return Projections(pairs, student.hidden, teacher.hidden)

    def measure(self, states: States, module: Any, T: float, options: HiddenOptions) -> Tensor:
        found = []
        for project, pair in zip(module.maps, module.pairs, strict=True):
            mine, other = two(states, pair)
            found.append(distance(project(mine), other, options.distance))
        return mean(found)


def distance(a: Tensor, b: Tensor, kind: Distance) -> Tensor:
    """Of each row of a [N, H] to the same row of b, [N]."""
    import torch.nn.functional as F

    if kind == "mse":
        return (a - b).square().mean(-1)
    if kind == "normalised_mse":
        return (a - b).square().sum(-1) / b.square().sum(-1).clamp_min(1e-12)
    if kind == "smooth_l1":
        return F.smooth_l1_loss(a, b, reduction="none").mean(-1)
    return 1 - F.cosine_similarity(a, b, dim=-1)
