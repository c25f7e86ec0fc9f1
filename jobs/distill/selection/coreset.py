"""A small subset that covers the whole: bins of diverse rows, each sampled alike, or the farthest rows first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from ..errors import PlanRefused
from ..parts import Options, Paper
from .base import Chosen, Pool, Selection

if TYPE_CHECKING:
    import numpy as np

MOST_ROWS = 50_000  # of the bins: their making takes time with the square of the rows


class BinOptions(Options):
    bins: int = Field(
        10,
        ge=1,
        le=1000,
        title="Bins",
        description="The rows are cut into so many bins, the first the most diverse; each gives the same share.",
    )


class Quantization(Selection):
    id = "quantization"
    title = "Dataset quantization"
    summary = "Cuts the rows into bins by diversity and takes the same share of each."
    when_to_use = "A few rows should stand for all: less training time at nearly the same score. No model is needed."
    formula = r"G(x) = \sum_{p \in S} \lVert f(p) - f(x) \rVert^2 - \sum_{p \notin S} \lVert f(p) - f(x) \rVert^2"
    paper = Paper(
        title="Dataset Quantization", authors="Zhou, Wang, Gu, Peng, Lian, Zhang, You, Feng", year=2023, venue="ICCV",
        url="https://arxiv.org/abs/2308.10524", arxiv="2308.10524",
    )  # fmt: skip
    Options = BinOptions

    def choose(self, pool: Pool, keep: float, options: Any) -> Chosen:
        import numpy as np

        from .features import tf_idf

        if len(pool.rows) > MOST_ROWS:
            raise PlanRefused(
                f"{len(pool.rows):,} rows are too many for bins by diversity; {MOST_ROWS:,} is the most.",
                field="data.limit",
                hint="Use the farthest rows first (method k-center), or limit the rows.",
            )
        ids = [r.row_id for r in pool.rows]
        bins = quantized(tf_idf([r.text for r in pool.rows]), min(options.bins, len(ids)))
        rng = np.random.default_rng(pool.seed)
        kept = [i for b in bins for i in rng.permutation(b)[: max(1, round(keep * len(b)))]]
        scores = {ids[i]: float(number) for number, b in enumerate(bins, 1) for i in b}
        return Chosen({ids[i]: 1.0 for i in sorted(kept)}, scores, f"{keep:.0%} of each of {len(bins)} bins")


def quantized(features: np.ndarray, bins: int) -> list[list[int]]:
    """Bins of row numbers, equal in size within one row; each row is picked by its gain over those picked for the bin and
    those not yet picked. Sums of squared distances need only the sums of vectors and of squares."""
    import numpy as np

    n, left, out = len(features), np.ones(len(features), dtype=bool), []
    squares = (features**2).sum(1)
    rest, rest_squares, rest_count = features.sum(0), float(squares.sum()), n
    for number in range(bins):
        picked: list[int] = []
        mine, mine_squares = np.zeros(features.shape[1]), 0.0
        for _ in range((n * (number + 1)) // bins - (n * number) // bins):
            inside = len(picked) * squares - 2 * features @ mine + mine_squares
            outside = rest_count * squares - 2 * features @ rest + rest_squares
            best = int(np.where(left, inside - outside, -np.inf).argmax())
            picked.append(best)
            left[best] = False
            mine, mine_squares = mine + features[best], mine_squares + float(squares[best])
            rest, rest_squares, rest_count = rest - features[best], rest_squares - float(squares[best]), rest_count - 1
        out.append(picked)
    return out


class KCenter(Selection):
    id = "k-center"
    title = "Farthest rows first"
    summary = "Picks, again and again, the row that is least like any picked before."
    when_to_use = "A small subset must cover rare kinds of rows too. Odd rows are picked early: look at what it keeps."
    formula = r"x_{k+1} = \mathrm{arg}\max_x \min_{p \in S_k} \lVert f(x) - f(p) \rVert"
    paper = Paper(
        title="Active Learning for Convolutional Neural Networks: A Core-Set Approach", authors="Sener, Savarese", year=2018,
        venue="ICLR", url="https://arxiv.org/abs/1708.00489", arxiv="1708.00489",
    )  # fmt: skip

    def choose(self, pool: Pool, keep: float, options: Any) -> Chosen:
        import numpy as np

        from .features import tf_idf

        features, ids = tf_idf([r.text for r in pool.rows]), [r.row_id for r in pool.rows]
        first = int(((features - features.mean(0)) ** 2).sum(1).argmin())  # the most usual row
        picked, gaps = [first], [0.0]
        nearest = ((features - features[first]) ** 2).sum(1)
        while len(picked) < pool.count(keep):
            at = int(np.where(np.isin(np.arange(len(ids)), picked), -1.0, nearest).argmax())
            gaps.append(float(np.sqrt(max(0.0, nearest[at]))))
            picked.append(at)
            nearest = np.minimum(nearest, ((features - features[at]) ** 2).sum(1))
        scores = {ids[i]: float(np.sqrt(max(0.0, nearest[i]))) for i in range(len(ids))}
        scores |= {ids[i]: gap for i, gap in zip(picked, gaps, strict=True)}
        return Chosen({ids[i]: 1.0 for i in picked}, scores, "the farthest from all picked before")
