"""TAID's objective at one point of its path: towards a teacher that starts near the student."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from .base import Paper, Part, TailOptions

if TYPE_CHECKING:
    from torch import Tensor

    from .view import View


class InterpolatedOptions(TailOptions):
    t: float = Field(
        0.7, ge=0, le=1, title="Position t",
        description="0 asks nothing, 1 is forward KL to the teacher. TAID moves it from 0.4 to 1 while training; here it stands still.",
    )  # fmt: skip


class Interpolated(Part):
    id = "interpolated-kl"
    title = "KL to an interpolated teacher"
    summary = "Forward KL to a target between the student's own logits (held constant) and the teacher's."
    when_to_use = (
        "When the teacher is far stronger and the full gap overwhelms the student. Raise t from stage to stage."
    )
    formula = (
        r"\ell = \mathrm{KL}(r \,\|\, q_T),\quad r = \mathrm{softmax}\bigl(((1-t)\,\mathrm{sg}(z^S) + t\,z^T) / T\bigr)"
    )
    paper = Paper(
        title="TAID: Temporally Adaptive Interpolated Distillation for Efficient Knowledge Transfer in Language Models",
        authors="Shing, Misaki, Bao, Yokoi, Akiba", year=2025, venue="ICLR", url="https://arxiv.org/abs/2501.16937",
        arxiv="2501.16937",
    )  # fmt: skip
    reads = ("student.logq", "teacher.logp")
    needs = frozenset({"teacher", "same_vocabulary"})
    Options = InterpolatedOptions

    def value(self, view: View, T: float, options: InterpolatedOptions) -> Tensor:
        from . import maths

        lp, lq = view.pair(T, options.tail, options.support)
        target = maths.renormalised(
            (1 - options.t) * lq.detach() + options.t * lp
        )  # logs differ from logits by a constant
        return maths.kl(target, lq)
