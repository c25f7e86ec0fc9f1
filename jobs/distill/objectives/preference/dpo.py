"""Direct preference optimisation: the pair's log-ratio against a fixed reference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from ..base import Objective, Paper, SequencePart
from ..label_reads import logp_y, logq_y
from .pairs import NEEDS_REFERENCE, BetaOptions, margin, minus_log_sigmoid

if TYPE_CHECKING:
    from torch import Tensor

    from ..sequences import Sequences

DPO_PAPER = Paper(
    title="Direct Preference Optimization: Your Language Model is Secretly a Reward Model",
    authors="Rafailov, Sharma, Mitchell, Ermon, Manning, Finn",
    year=2023, venue="NeurIPS", url="https://arxiv.org/abs/2305.18290", arxiv="2305.18290",
)  # fmt: skip


class DPOOptions(BetaOptions):
    reverse: bool = Field(
        False,
        title="The other way round",
        description="Raises the rejected answer over the chosen one: a model of what to move away from.",
    )


class DPO(SequencePart):
    """The reference is the stage's teacher: the learner's base, or the adapter an earlier stage ended with."""

    id = "dpo"
    title = "DPO"
    summary = "Raises the chosen answer over the rejected one, measured against where a reference policy stands."
    when_to_use = "Pairs of answers are at hand, and the student has learnt to answer already (its adapter then is the reference)."
    formula = (
        r"\ell = -\log\sigma(\beta\Delta),\quad"
        r"\Delta = \log\tfrac{q(y_c)}{q_{\mathrm{ref}}(y_c)} - \log\tfrac{q(y_r)}{q_{\mathrm{ref}}(y_r)}"
    )
    paper = DPO_PAPER
    reads = ("student.logq_at_label", "teacher.logp_at_label")
    needs = NEEDS_REFERENCE
    Options: ClassVar[type[BetaOptions]] = DPOOptions

    def reads_of(self, T: float, options: Any) -> tuple[Objective, ...]:
        return logq_y(T), logp_y(T)

    def combine(self, values: list[Tensor], batch: Sequences, T: float, options: DPOOptions) -> Tensor:
        logq, ref = values
        beta = -options.beta if options.reverse else options.beta
        return minus_log_sigmoid(beta * margin(batch.sums(logq - ref), batch))
