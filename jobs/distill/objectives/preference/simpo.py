"""SimPO: length-normalised log-probabilities with a margin, no reference policy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from ..base import Objective, Options, Paper, SequencePart
from ..label_reads import logq_y
from .pairs import NEEDS_PAIR, margin, minus_log_sigmoid

if TYPE_CHECKING:
    from torch import Tensor

    from ..sequences import Sequences


class SimPOOptions(Options):
    beta: float = Field(2.0, gt=0, le=100, title="Beta", description="Scale of the log-probabilities a token.")
    gamma: float = Field(
        1.0, ge=0, le=100, title="Target margin", description="How far apart, after scaling, the two answers should be."
    )


class SimPO(SequencePart):
    id = "simpo"
    title = "SimPO"
    summary = "Raises the chosen answer's mean log-probability a token over the rejected one's by a margin; no reference policy."
    when_to_use = "Pairs of very different lengths, or no second forward for a reference can be afforded."
    formula = (
        r"\ell = -\log\sigma\Bigl(\tfrac{\beta}{|y_c|}\log q(y_c) - \tfrac{\beta}{|y_r|}\log q(y_r) - \gamma\Bigr)"
    )
    paper = Paper(
        title="SimPO: Simple Preference Optimization with a Reference-Free Reward", authors="Meng, Xia, Chen",
        year=2024, venue="NeurIPS", url="https://arxiv.org/abs/2405.14734", arxiv="2405.14734",
    )  # fmt: skip
    reads = ("student.logq_at_label",)
    needs = NEEDS_PAIR
    Options = SimPOOptions

    def reads_of(self, T: float, options: Any) -> tuple[Objective, ...]:
        return (logq_y(T),)

    def combine(self, values: list[Tensor], batch: Sequences, T: float, options: SimPOOptions) -> Tensor:
        return minus_log_sigmoid(options.beta * margin(batch.means(values[0]), batch) - options.gamma)
