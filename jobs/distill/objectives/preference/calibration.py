"""PLaD's ranking calibration: the teacher's answer must be likelier a token than the student's own, by a margin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from ..base import Objective, Options, Paper, SequencePart
from ..label_reads import logq_y
from .pairs import NEEDS_PAIR, margin

if TYPE_CHECKING:
    from torch import Tensor

    from ..sequences import Sequences

PLAD = Paper(
    title="PLaD: Preference-based Large Language Model Distillation with Pseudo-Preference Pairs",
    authors="Zhang, Shen, Liu, Wang, Qin, Han, Liu, Baumgartner, Bendersky, Zhang",
    year=2024, venue="ACL Findings", url="https://arxiv.org/abs/2406.02886", arxiv="2406.02886",
)  # fmt: skip


class MarginOptions(Options):
    margin: float = Field(
        1.0, ge=0, le=1000, title="Margin (nats a token)",
        description="How much likelier the better answer should be, in mean log-probability a token.",
    )  # fmt: skip


class Calibration(SequencePart):
    id = "plad-calibration"
    title = "Ranking calibration"
    summary = (
        "A hinge: no loss once the chosen answer is likelier a token than the rejected one by the margin, linear below."
    )
    when_to_use = "The teacher gives text only; its answers should be likelier than the student's own."
    formula = r"\ell = \max\Bigl(0,\ \delta - \tfrac{1}{|y_c|}\log q(y_c) + \tfrac{1}{|y_r|}\log q(y_r)\Bigr)"
    paper = PLAD
    reads = ("student.logq_at_label",)
    needs = NEEDS_PAIR
    Options = MarginOptions

    def reads_of(self, T: float, options: Any) -> tuple[Objective, ...]:
        return (logq_y(T),)

    def combine(self, values: list[Tensor], batch: Sequences, T: float, options: MarginOptions) -> Tensor:
        return (options.margin - margin(batch.means(values[0]), batch)).clamp_min(0)
