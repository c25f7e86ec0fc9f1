"""Hard but learnable: what a small model finds difficult, without what it finds hopeless."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from ..parts import Options, Paper
from .base import Chosen, Pool, Selection, top


class InformativeOptions(Options):
    hopeless: float = Field(
        0.1,
        ge=0,
        lt=1,
        title="Hopeless share",
        description="The rows that the small model finds hardest are taken for noise: this share of all rows.",
    )


class Informative(Selection):
    id = "informative"
    title = "Hard but learnable"
    summary = "Keeps the rows that a small model finds hardest, without the very hardest, which are mostly noise."
    when_to_use = "A small teacher helps a larger student: its soft labels are of most use on rows that it finds hard but not hopeless."
    formula = r"\ell_{small}(x) \le P_{1-h},\quad \text{largest } \ell_{small}(x) = -\tfrac{1}{|x|}\log p_{small}(x)"
    paper = Paper(
        title="A Little Help Goes a Long Way: Efficient LLM Training by Leveraging Small LMs",
        authors="Rawat, Sadhanala, Rostamizadeh, Chakrabarti, Jitkrittum, Feinberg and others", year=2024,
        url="https://arxiv.org/abs/2410.18779", arxiv="2410.18779",
    )  # fmt: skip
    Options = InformativeOptions
    needs = frozenset({"teacher"})

    def choose(self, pool: Pool, keep: float, options: Any) -> Chosen:
        import numpy as np

        scores = {r: read.per_token for r, read in pool.read("teacher").items()}
        limit = float(np.percentile(list(scores.values()), 100 * (1 - options.hopeless)))
        learnable = {r: s for r, s in scores.items() if s <= limit}
        note = f"the hardest below {limit:.4g} nats a token"
        return Chosen(top(learnable, pool.count(keep)), scores, note, {"hardest loss": limit})


class Everything(Selection):
    id = "everything"
    title = "Every row again"
    summary = "Ends an earlier selection: later stages learn from every row."
    when_to_use = "After a stage that learns from selected rows only."
    formula = r"w(x) = 1"

    def choose(self, pool: Pool, keep: float, options: Any) -> Chosen:
        return Chosen({r.row_id: 1.0 for r in pool.rows}, {}, "every row")
