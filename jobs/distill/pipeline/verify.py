"""The stage `verify`: every row is checked, in the order of the checks; what fails is listed with the check and the reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ..asking import Reply, Request
from ..errors import PlanRefused
from ..recipe import Check, Verify
from ..rows import Row
from ..selection.base import Read
from ..selection.reading import read_rows
from ..verifiers.base import Verdict, Verifier, by_question
from ..verifiers.choose import checks_of
from . import pool
from .askers import ask
from .pool import Kept, Rejected

if TYPE_CHECKING:
    from ..work import Work

FEW = 20  # rows from which on "everything passes" says something


@dataclass
class StageBench:
    """What verifiers and rules may use of a run; see verifiers.base.Bench. `by` is who is asked where a part says teacher."""

    work: Work
    stage: str
    by: str = "teacher"

    @property
    def seed(self) -> int:
        return self.work.session.recipe.seed

    @property
    def heldout(self) -> Sequence[Row]:
        return self.work.session.heldout_rows

    @property
    def earlier(self) -> Sequence[Row]:
        return self.work.preferred

    def ask(self, who: str, requests: Sequence[Request]) -> list[Reply]:
        return ask(self.work, self._name(who), requests, self.stage)

    def read(self, who: str, rows: Sequence[Any]) -> Mapping[str, Read]:
        return read_rows(self.work, self._name(who), list(rows), "answer")

    def reward(self, model: str, rows: Sequence[Any]) -> Mapping[str, float]:
        from .reward import rewards_of

        return rewards_of(self.work, model, list(rows))

    def note(self, text: str, level: str = "info") -> None:
        self.work.session.events.log(f"'{self.stage}': {text}", level)

    def _name(self, who: str) -> str:
        return self.by if who in ("teacher", "judge") else who


def verify(work: Work, index: int, stage: Verify) -> Kept:
    """Carries the stage out, or takes its outcome from an earlier attempt. Raises PlanRefused when nothing of a sample, or
    nothing at all, passes."""
    name = f"{index:02d}-verify"
    if found := pool.stored(work, name, stage.name):
        return found
    checks = checks_of(stage, f"stages.{index}")
    rows = [r for r in work.train_rows if stage.rows == "all" or pool.written(r)]
    rows = [r for r in rows if not stage.tasks or r.fields.get("task", "") in stage.tasks]
    work.session.events.emit("phase", phase="verify", stage=stage.name, total=len(rows))
    if stage.fails == "drop" and len(rows) > stage.sample:
        _try(work, index, stage, checks, rows)
    passed, rejected = _checked(work, stage, checks, rows)
    chosen, spare = _of_several(passed, stage)
    rejected += spare
    if rows and not chosen:
        raise _nothing(work, index, stage, len(rows), rejected)
    back = _restored(work, rows, chosen) if stage.restore else []
    _warn(work, stage, checks, rows, rejected)
    there = {r.row_id for r in rows}
    kept = Kept([*(r for r in work.train_rows if r.row_id not in there), *chosen, *back], chosen, rejected)
    kept.facts = {"checked": len(rows), "restored": len(back)}
    return pool.store(work, name, stage.name, kept)


def _try(work: Work, index: int, stage: Verify, checks: list[tuple[Check, Verifier, Any]], rows: Sequence[Row]) -> None:
    """A sample first: what accepts nothing is stopped before it is paid for."""
    sample = sorted(rows, key=lambda r: r.row_id[::-1])[: stage.sample]
    alone = [c for c in checks if not c[1].pooled]
    if alone:
        passed, rejected = _checked(work, stage, alone, sample)
        if not passed:
            raise _nothing(work, index, stage, len(sample), rejected)


def _nothing(work: Work, index: int, stage: Verify, of: int, rejected: Sequence[Rejected]) -> PlanRefused:
    pool.write_lists(work, stage.name, [], rejected)
    return PlanRefused(
        f"'{stage.name}' accepts none of {of:,} rows. {pool.examples(rejected)}",
        field=f"stages.{index}.checks",
        hint="Compare the reasons with the answers: is the check right, and does the prompt ask for what it checks?",
        code="VERIFIER_ACCEPTS_NOTHING",
    )


def _checked(
    work: Work, stage: Verify, checks: list[tuple[Check, Verifier, Any]], rows: Sequence[Row]
) -> tuple[list[Row], list[Rejected]]:
    """Rows that pass, with what was found, and the others; a row is not checked further once it failed."""
    left, rejected = list(rows), list[Rejected]()
    for check, part, options in checks:
        bench = StageBench(work, stage.name, check.by)
        verdicts = part.check(left, options, bench)
        if len(verdicts) != len(left):
            raise RuntimeError(f"{part.id} gave {len(verdicts)} verdicts for {len(left)} rows")
        good = []
        for row, verdict in zip(left, verdicts, strict=True):
            marked = _marked(row, part.id, verdict)
            if verdict.ok or stage.fails == "mark":
                good.append(marked)
            else:
                rejected.append(_out(row, part.id, verdict.reason))
        left = good
    return left, rejected


def _marked(row: Row, id: str, verdict: Verdict) -> Row:
    found = verdict.ok if verdict.score is None else verdict.score
    return replace(row, fields={**row.fields, "checks": {**row.fields.get("checks", {}), id: found}})


def _out(row: Row, code: str, reason: str) -> Rejected:
    parents = tuple(row.fields.get("lineage", {}).get("parents", ()))
    return Rejected(row.row_id, code, reason, row.question[:2000], (row.answer or "")[:2000], parents)


def _of_several(rows: Sequence[Row], stage: Verify) -> tuple[list[Row], list[Rejected]]:
    """One of the candidates for each question, where the stage wants one."""
    if stage.keep == "all":
        return list(rows), []
    last = stage.checks[-1].type
    chosen, spare = [], []
    for places in by_question(rows).values():
        ranked = places
        if stage.keep == "best":
            ranked = sorted(places, key=lambda i: -float(rows[i].fields["checks"].get(last, 0)))
        chosen.append(rows[ranked[0]])
        spare += [_out(rows[i], "spare", "another candidate was kept") for i in ranked[1:]]
    return chosen, spare


def _restored(work: Work, rows: Sequence[Row], chosen: Sequence[Row]) -> list[Row]:
    """The data's own rows of which no written answer passed."""
    served = {p for r in chosen for p in r.fields["lineage"]["parents"]}
    lost = {p for r in rows if pool.written(r) for p in r.fields["lineage"]["parents"]} - served
    here = {r.row_id for r in work.train_rows} - {r.row_id for r in rows}
    return [r for r in work.data_rows if r.row_id in lost and r.row_id not in here and r.labelled]


def _warn(
    work: Work,
    stage: Verify,
    checks: list[tuple[Check, Verifier, Any]],
    rows: Sequence[Row],
    rejected: Sequence[Rejected],
) -> None:
    if stage.fails == "drop" and len(rows) >= FEW and not rejected:
        names = ", ".join(part.title for _, part, _ in checks)
        work.session.events.emit(
            "alarm",
            code="VERIFIER_ACCEPTS_EVERYTHING",
            step=0,
            message=f"'{stage.name}' accepts all {len(rows):,} rows. A check that never says no ({names}) may not be checking anything.",
        )
