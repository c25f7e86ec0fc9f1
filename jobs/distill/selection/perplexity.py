"""A band of perplexity under a small reference model."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from ..parts import Options, Paper
from .base import Chosen, Pool, Selection


class BandOptions(Options):
    band: Literal["low", "medium", "high"] = Field(
        "medium",
        title="Band",
        description="low: the texts the reference finds likeliest. medium: those around its median. high: the unlikeliest.",
    )


class Perplexity(Selection):
    id = "perplexity"
    title = "Perplexity band"
    summary = "Keeps the rows whose perplexity under a reference model lies in a band of percentiles."
    when_to_use = "To prune raw text. Which band is best depends on the corpus: try medium and high."
    formula = r"P_{lo} \le \mathrm{ppl}_{\text{ref}}(x) \le P_{hi}"
    paper = Paper(
        title="Perplexed by Perplexity: Perplexity-Based Data Pruning With Small Reference Models",
        authors="Ankner, Blakeney, Sreenivasan, Marion, Leavitt, Paul", year=2024,
        url="https://arxiv.org/abs/2405.20541", arxiv="2405.20541",
    )  # fmt: skip
    Options = BandOptions
    needs = frozenset({"reference"})

    def choose(self, pool: Pool, keep: float, options: Any) -> Chosen:
        import numpy as np

        scores = {r: read.perplexity for r, read in pool.read("reference").items()}
        begin = {"low": 0.0, "medium": (1 - keep) / 2, "high": 1 - keep}[options.band] * 100
        low, high = np.percentile(list(scores.values()), [begin, min(100.0, begin + 100 * keep)])
        kept = {r: 1.0 for r, ppl in scores.items() if low <= ppl <= high}
        facts = {"lowest perplexity": float(low), "highest perplexity": float(high)}
        return Chosen(kept, scores, f"perplexity from {low:.4g} to {high:.4g}", facts)
