"""DPO-Positive: DPO that does not win by making the chosen answer less likely too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from ..base import Paper
from .dpo import DPO
from .pairs import BetaOptions, margin, minus_log_sigmoid

if TYPE_CHECKING:
    from torch import Tensor

    from ..sequences import Sequences


class DPOPOptions(BetaOptions):
    penalty: float = Field(
        50.0, ge=0, le=10_000, title="Penalty",
        description="Times what the chosen answer has lost against the reference, inside the sigmoid. 0 is DPO.",
    )  # fmt: skip


class DPOP(DPO):
    id = "dpop"
    title = "DPO-Positive"
    summary = (
        "DPO with a penalty, inside the sigmoid, when the chosen answer becomes less likely than under the reference."
    )
    when_to_use = (
        "Chosen and rejected answers differ in a few tokens only, and the chosen ones grow less likely under DPO."
    )
    formula = r"\ell = -\log\sigma\Bigl(\beta\bigl[\Delta - \lambda\max\bigl(0, \log\tfrac{q_{\mathrm{ref}}(y_c)}{q(y_c)}\bigr)\bigr]\Bigr)"
    paper = Paper(
        title="Smaug: Fixing Failure Modes of Preference Optimisation with DPO-Positive",
        authors="Pal, Karkhanis, Dooley, Roberts, Naidu, White",
        year=2024, venue="arXiv", url="https://arxiv.org/abs/2402.13228", arxiv="2402.13228",
    )  # fmt: skip
    Options = DPOPOptions

    def combine(self, values: list[Tensor], batch: Sequences, T: float, options: DPOPOptions) -> Tensor:  # type: ignore[override]
        logq, ref = values
        ratio = batch.sums(logq - ref)
        lost = (-batch.one(ratio, "chosen")).clamp_min(0)
        return minus_log_sigmoid(options.beta * (margin(ratio, batch) - options.penalty * lost))
