"""Which rows a run uses and which it loses, with the reason: limit, length, no answer."""

from __future__ import annotations

from dataclasses import dataclass

from ..recipe import Select, Train
from .case import Case
from .result import RowsUse
from .words import count


@dataclass(frozen=True)
class Rows:
    """Training rows by what they carry, after the limit and the length filter. Counts from a sample are scaled up."""

    labelled: int
    unlabelled: int
    heldout: int
    too_long: int
    cut: int
    unused: int

    @property
    def train(self) -> int:
        return self.labelled + self.unlabelled

    def of(self, kind: str) -> int:
        return {"labelled": self.labelled, "unlabelled": self.unlabelled}.get(kind, self.train)


def count_rows(case: Case) -> Rows:
    """Rows of the training split that reach training."""
    lost_share, cut_share = _length_shares(case)
    labelled, unlabelled = case.available
    limit = case.recipe.data.limit
    if limit and labelled + unlabelled > limit:
        labelled = round(labelled * limit / (labelled + unlabelled))
        unlabelled = limit - labelled
    kept, kept_unlabelled = _keep(labelled, lost_share), _keep(unlabelled, lost_share)
    own = any(s.source.kind == "student" for _, s in case.trains)  # whose answers the student writes itself
    raw = any(s.supervise == "all" for _, s in case.trains)  # whole texts need no answers
    unused = 0 if case.generates or case.writes or own or raw or case.soft_labels else kept_unlabelled
    return Rows(
        labelled=kept,
        unlabelled=kept_unlabelled - unused,
        heldout=_heldout(case),
        unused=unused,
        too_long=labelled + unlabelled - kept - kept_unlabelled,
        cut=round((labelled + unlabelled) * cut_share),
    )


def rows_of(case: Case, rows: Rows, stage: Train) -> int:
    """Rows a training stage sees: its own filter of what the selection before it keeps (at most, where a threshold decides)."""
    before = case.stages[: case.stages.index(stage)]
    kept = next((share_kept(s) for s in reversed(before) if isinstance(s, Select)), 1.0)
    return rows.of(stage.rows) if kept == 1 else max(1, round(rows.of(stage.rows) * kept))


def share_kept(stage: Select) -> float:
    """The share of all rows that a selection leaves; some only weigh them."""
    return 1.0 if stage.method in ("everything", "domain-gap", "branches") else stage.keep


def rows_use(case: Case, rows: Rows) -> RowsUse:
    """The counts for the summary, with a sentence for every kind of loss."""
    why = []
    n = case.max_length
    if rows.too_long:
        why.append(f"{count(rows.too_long, 'row')} longer than {n:,} tokens left out.")
    if rows.cut:
        why.append(
            f"{count(rows.cut, 'row')} longer than {n:,} tokens: the prompt is cut on the left, the answer is kept."
        )
    if rows.unused:
        why.append(
            f"{count(rows.unused, 'row')} without an answer: this method learns from answers and has no stage that writes them."
        )
    limit, available = case.recipe.data.limit, sum(case.available)
    if limit and available > limit:
        why.append(f"{count(available - limit, 'row')} beyond the limit of {limit:,}.")
    lost = rows.too_long + rows.unused + (max(0, available - limit) if limit else 0)
    return RowsUse(
        train=rows.train,
        labelled=rows.labelled,
        unlabelled=rows.unlabelled,
        heldout=rows.heldout,
        lost=lost,
        lost_why=why,
    )


def _heldout(case: Case) -> int:
    limit = case.recipe.evaluation.limit
    return min(case.facts.data.heldout, limit) if limit else case.facts.data.heldout


def _length_shares(case: Case) -> tuple[float, float]:
    """Shares of the rows that are left out and that are cut. An answer that alone is too long is always left out."""
    lengths, limit = case.lengths, case.max_length
    if not lengths.measured:
        return 0.0, 0.0
    long, hopeless = lengths.longer_than(limit), lengths.answers_from(limit)
    n = len(lengths.prompts)
    if case.recipe.data.too_long == "drop":
        return long / n, 0.0
    return hopeless / n, (long - hopeless) / n


def _keep(rows: int, lost_share: float) -> int:
    return rows if not lost_share else max(0, rows - round(rows * lost_share))
