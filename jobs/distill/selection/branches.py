"""Rows cut into branches, one for each expert: by the domain they carry, or by what their texts are about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from ..errors import PlanRefused
from ..parts import Options, Paper
from .base import Chosen, Pool, Selection

if TYPE_CHECKING:
    import numpy as np

STARTS, ROUNDS = 8, 100  # of k-means


class BranchOptions(Options):
    count: int = Field(3, ge=1, le=64, title="Branches", description="How many; the stages name them 1, 2, 3 ...")
    by: Literal["domain", "text"] = Field(
        "domain",
        title="Cut by",
        description="domain: the rows' own domains, in alphabetical order. text: clusters of similar texts, the largest first.",
    )


class Branches(Selection):
    id = "branches"
    title = "Branches"
    summary = "Keeps every row and gives it the number of a branch, by its domain or by clusters of its words."
    when_to_use = "Before stages that each train an expert on one kind of rows."
    formula = r"d(x) = \mathrm{arg}\min_k \lVert f(x) - c_k \rVert^2"
    paper = Paper(
        title="Scaling Expert Language Models with Unsupervised Domain Discovery",
        authors="Gururangan, Li, Lewis, Shi, Althoff, Smith, Zettlemoyer", year=2023, arxiv="2303.14177",
        url="https://arxiv.org/abs/2303.14177",
    )  # fmt: skip
    Options = BranchOptions

    def choose(self, pool: Pool, keep: float, options: Any) -> Chosen:
        ids = [r.row_id for r in pool.rows]
        if options.by == "domain":
            found = sorted({r.domain for r in pool.rows if r.domain})
            if len(found) != options.count or any(not r.domain for r in pool.rows):
                without = sum(not r.domain for r in pool.rows)
                raise PlanRefused(
                    f"There are {options.count} branches, and the rows name {len(found)} domains ({without} rows name none).",
                    field="data.roles",
                    hint="Cut by text, or spell the stages out with a branch for each domain.",
                )
            number = [found.index(r.domain) + 1 for r in pool.rows]
            note = ", ".join(f"{i} is {d}" for i, d in enumerate(found, 1))
        else:
            number = self._by_text(pool, options.count)
            note = ", ".join(f"{i}: {number.count(i)} rows" for i in range(1, options.count + 1))
        domains = {i: str(n) for i, n in zip(ids, number, strict=True)}
        return Chosen(dict.fromkeys(ids, 1.0), {}, note, {}, domains)

    def _by_text(self, pool: Pool, count: int) -> list[int]:
        from .features import tf_idf

        if len(pool.rows) < count:
            raise PlanRefused(
                f"{len(pool.rows)} rows cannot be cut into {count} branches.", field="data.limit", hint="Use more rows."
            )
        features = tf_idf([r.text for r in pool.rows])
        of, _ = clusters(features, count, pool.seed)
        return [int(k) + 1 for k in of]


def clusters(features: np.ndarray, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """k-means (Lloyd 1982) from k-means++ starts (Arthur & Vassilvitskii 2007), the best of several: the cluster of each row
    [rows] and the centres [count, width], the largest cluster first."""
    import numpy as np

    rng = np.random.default_rng(seed)
    best: tuple[float, np.ndarray, np.ndarray] | None = None
    for _ in range(STARTS):
        centres = _starts(features, count, rng)
        of = _nearest(features, centres).argmin(1)
        for _ in range(ROUNDS):
            away = _nearest(features, centres)
            for k in np.setdiff1d(np.arange(count), of):  # an empty cluster takes the row that is worst served
                of[away[np.arange(len(of)), of].argmax()] = k
            centres = np.stack([features[of == k].mean(0) if (of == k).any() else centres[k] for k in range(count)])
            now = _nearest(features, centres).argmin(1)
            if (now == of).all():
                break
            of = now
        cost = float(_nearest(features, centres)[np.arange(len(of)), of].sum())
        if best is None or cost < best[0]:
            best = cost, of, centres
    assert best is not None
    order: Sequence[int] = np.argsort(-np.bincount(best[1], minlength=count), kind="stable").tolist()
    return np.argsort(order)[best[1]], best[2][order]


def _starts(features: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Rows far from one another: each is drawn with a chance proportional to its squared distance from those before."""
    import numpy as np

    picked = [int(rng.integers(len(features)))]
    while len(picked) < count:
        away = _nearest(features, features[picked]).min(1)
        total = away.sum()
        chance = away / total if total > 0 else np.full(len(features), 1 / len(features))
        picked.append(int(rng.choice(len(features), p=chance)))
    return features[picked]


def _nearest(features: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Squared distances [rows, centres]."""
    import numpy as np

    wide = features.astype(np.float64)
    out = (wide**2).sum(1)[:, None] - 2 * wide @ centres.T + (centres.astype(np.float64) ** 2).sum(1)
    return np.maximum(out, 0.0)
