"""Shares of domains by how far the student is behind the teacher in each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from ..errors import PlanRefused
from ..parts import Options, Paper
from .base import Chosen, Pool, Read, Selection

DDK = Paper(
    title="DDK: Distilling Domain Knowledge for Efficient Large Language Models",
    authors="Liu, Zhang, Guo, Zhang, Peng and others", year=2024, venue="NeurIPS",
    url="https://arxiv.org/abs/2407.16154", arxiv="2407.16154",
)  # fmt: skip


class GapOptions(Options):
    floor: float = Field(
        0.05, gt=0, lt=1, title="Least share", description="Spread evenly over all domains, so that none is forgotten."
    )


class DomainGap(Selection):
    id = "domain-gap"
    title = "Weight by domain gap"
    summary = "Rows of domains where the student is farther behind the teacher weigh more."
    when_to_use = "Rows come from several domains. For shares that follow the student during training set the stage's mix instead."
    formula = r"w_d \propto \frac{\max(0,\ \ell_S(d) - \ell_T(d))}{n_d / n}"
    paper = DDK
    Options = GapOptions
    needs = frozenset({"teacher", "reference", "domains"})

    def choose(self, pool: Pool, keep: float, options: Any) -> Chosen:
        """Every row stays; its weight is its domain's share by gap over its share of the rows (mean weight 1)."""
        teacher, student = pool.read("teacher"), pool.read("reference")
        rows = [r for r in pool.rows if r.row_id in teacher and r.row_id in student]
        domains = {r.domain for r in rows}
        if len(domains) < 2:
            raise PlanRefused(
                f"The rows are of {len(domains)} domain: there are no shares to choose between.",
                field="data.roles",
                hint="Map a column to the role domain.",
            )
        by = {d: [r.row_id for r in rows if r.domain == d] for d in sorted(domains)}
        gaps = {d: mean_loss(student, ids) - mean_loss(teacher, ids) for d, ids in by.items()}
        shares = target_shares(gaps, options.floor)
        weight = {d: shares[d] * len(rows) / len(ids) for d, ids in by.items()}
        note = ", ".join(f"{d or 'without a domain'} {share:.0%}" for d, share in shares.items())
        return Chosen({r.row_id: weight[r.domain] for r in rows}, {r.row_id: gaps[r.domain] for r in rows}, note)


def mean_loss(reads: Mapping[str, Read], ids: list[str]) -> float:
    """Nats a token over all these rows together."""
    return sum(reads[r].nats for r in ids) / max(1, sum(reads[r].tokens for r in ids))


def target_shares(gaps: Mapping[str, float], floor: float) -> dict[str, float]:
    """Shares in proportion to the gaps, `floor` of the whole spread evenly; equal shares where the student is behind nowhere."""
    behind = {d: max(0.0, gap) for d, gap in gaps.items()}
    total, even = sum(behind.values()), 1 / len(behind)
    return {d: (1 - floor) * (gap / total if total > 0 else even) + floor * even for d, gap in behind.items()}


def moved(shares: Mapping[str, float], target: Mapping[str, float], pace: float) -> dict[str, float]:
    """A step of `pace` towards the target: no share changes by more than `pace`, and their sum stays 1."""
    return {d: (1 - pace) * share + pace * target[d] for d, share in shares.items()}
