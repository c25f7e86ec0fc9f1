"""Identity preference optimisation: the log-ratio is drawn to a finite gap instead of to infinity."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..base import Paper
from .dpo import DPO
from .pairs import BetaOptions, margin

if TYPE_CHECKING:
    from torch import Tensor

    from ..sequences import Sequences


class IPO(DPO):
    id = "ipo"
    title = "IPO"
    summary = "Like DPO, but the gap between chosen and rejected is drawn to 1 / (2 beta) and no further."
    when_to_use = "Pairs are few or all alike, so that DPO would drive their gap without bound."
    formula = r"\ell = \bigl(\Delta - \tfrac{1}{2\beta}\bigr)^2"
    paper = Paper(
        title="A General Theoretical Paradigm to Understand Learning from Human Preferences",
        authors="Azar, Rowland, Piot, Guo, Calandriello, Valko, Munos",
        year=2024, venue="AISTATS", url="https://arxiv.org/abs/2310.12036", arxiv="2310.12036",
    )  # fmt: skip
    Options = BetaOptions

    def combine(self, values: list[Tensor], batch: Sequences, T: float, options: BetaOptions) -> Tensor:
        logq, ref = values
        return (margin(batch.sums(logq - ref), batch) - 1 / (2 * options.beta)) ** 2
