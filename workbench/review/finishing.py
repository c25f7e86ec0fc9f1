"""From decisions to a new version: one recorded step, replayable, with every row it touched listed."""

from __future__ import annotations

from typing import Any

from jobs.distill.errors import DataRefused
from workbench.datasets import transforms
from workbench.datasets.models import DatasetVersion
from workbench.runs.models import Run
from workbench.team.models import User

from . import queries
from .content import Content, of_row
from .models import Decision, Item, Review, Verdict

LEFT = ("keep", "drop")


def make_version(found: Review, user: User, unreviewed: str = "keep") -> Run:
    """Queues the run that makes the version; conflicts and open rows count as not reviewed. Raises DataRefused.

    The same decisions give the same run.
    """
    if unreviewed not in LEFT:
        raise DataRefused(f"“{unreviewed[:40]}” is no choice.", field="unreviewed", hint=f"One of {', '.join(LEFT)}.")
    decided = [_recorded(item, decision) for item, decision in queries.final(found)]
    if not decided:
        raise DataRefused("No row is decided yet.", hint="Decide at least one row.")
    if unreviewed == "keep" and all(d["verdict"] == Verdict.ACCEPT for d in decided):
        raise DataRefused(
            f"All {len(decided):,} decided rows were accepted as they are: the new version would be the same.",
            hint="Change or reject a row, or keep only the reviewed rows.",
        )
    step = {"kind": "review", "desk": str(found.pk), "decisions": decided, "unreviewed": unreviewed}
    run = transforms.start(found.team, user, found.version, [step])
    Review.objects.filter(pk=found.pk).update(made=run)
    return run


def _recorded(item: Item, decision: Decision) -> dict[str, Any]:
    """A decision as the step has it: only what differs from the row."""
    out: dict[str, Any] = {
        "place": item.place, "row_id": item.row_id, "verdict": decision.verdict, "reason": decision.reason,
        "by": decision.user.email if decision.user else "",
    }  # fmt: skip
    if decision.verdict == Verdict.REJECT:
        return out
    was, now = of_row(item.row), decision.new
    return out | {"verdict": _verdict(decision, was)} | _changes(was, now)


def _verdict(decision: Decision, was: Content) -> str:
    """A third who takes somebody's edit keeps the row: what is recorded is what happens to it."""
    if decision.verdict == Verdict.ACCEPT and decision.new != was:
        return str(Verdict.EDIT)
    return decision.verdict


def _changes(was: Content, now: Content) -> dict[str, Any]:
    out: dict[str, Any] = {}
    if now["messages"] != was["messages"]:
        out["messages"] = now["messages"]
    if now["answer"] != was["answer"]:
        out |= {"clear_answer": True} if now["answer"] is None else {"answer": now["answer"]}
    if now["paint"] != was["paint"]:
        out["paint"] = now["paint"]
    return out


def version_made(found: Review) -> DatasetVersion | None:
    """The newest version that came of this desk."""
    return transforms.made_by(found.made) if found.made else None


def rejected(found: Review) -> list[dict[str, Any]]:
    """Rows that the new version leaves out, with who and why."""
    return [
        {"item": item, "decision": decision}
        for item, decision in queries.final(found)
        if decision.verdict == Verdict.REJECT
    ]
