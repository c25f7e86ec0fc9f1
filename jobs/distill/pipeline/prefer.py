"""The stage `prefer`: the answers to one question become pairs or rankings, by a rule. Questions without a preference are
listed with the reason."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..errors import PlanRefused
from ..preferring.base import Group, Preferred
from ..preferring.choose import rule_of
from ..recipe import Prefer
from ..rows import Row
from ..verifiers.base import by_question
from . import pool
from .pool import Kept, Rejected
from .verify import StageBench

if TYPE_CHECKING:
    from ..work import Work


def prefer(work: Work, index: int, stage: Prefer) -> Kept:
    """Carries the stage out, or takes its outcome from an earlier attempt. Raises PlanRefused when it finds no pair."""
    name = f"{index:02d}-prefer"
    if found := pool.stored(work, name, stage.name):
        return found
    rule, options = rule_of(stage, f"stages.{index}")
    groups = groups_of(work)
    work.session.events.emit("phase", phase="verify", stage=stage.name, total=len(groups))
    made, rejected = list[Row](), list[Rejected]()
    preferred = rule.prefer(groups, options, StageBench(work, stage.name, stage.by))
    for group, listed in zip(groups, preferred, strict=True):
        good = [p for p in listed if len(p.ranked) > 1]
        made += [_row(group, p, k, stage) for k, p in enumerate(good)]
        if not good:
            why = listed[0].why if listed else "the rule found no preference"
            first = group.rows[0]
            rejected.append(Rejected(first.row_id, "no preference", why, first.messages[-1]["content"][:2000]))
    if groups and not made:
        pool.write_lists(work, stage.name, made, rejected)
        raise PlanRefused(
            f"'{stage.name}' finds no preference in {len(groups):,} questions. {pool.examples(rejected)}",
            field=f"stages.{index}.rule",
            hint="Write several candidates at a temperature above 0, or choose another rule.",
        )
    rest = [] if stage.keep == "only" else list(work.train_rows)
    return pool.store(work, name, stage.name, Kept([*rest, *made], made, rejected, {"questions": len(groups)}))


def groups_of(work: Work) -> list[Group]:
    """The questions that stages wrote answers for, each with all of them, in the order of the pool."""
    made = (r for r in work.train_rows if pool.written(r))
    rows = [r for r in made if "sources" not in r.fields["lineage"]]  # pairs of an earlier stage are no answers
    own = {r.row_id: r for r in work.data_rows}
    out = []
    for (parent, _), places in by_question(rows).items():
        answers = [rows[i] for i in places]
        source = own.get(parent)
        its_own = source is not None and source.messages == answers[0].messages
        gold = source.answer if source is not None and its_own else answers[0].fields.get("gold")
        out.append(Group(answers[0].messages, answers, gold))
    return out


def _row(group: Group, preferred: Preferred, k: int, stage: Prefer) -> Row:
    first: Any = group.rows[0]
    parents: Sequence[str] = first.fields.get("lineage", {}).get("parents", [first.row_id])
    calls = [c for r in group.rows for c in r.fields.get("lineage", {}).get("calls", [])]
    lineage = {"parents": list(parents), "stage": stage.name, "writer": stage.rule, "by": stage.by, "calls": calls}
    own = {key: first.fields[key] for key in ("domain", "group") if first.fields.get(key) is not None}
    fields = {
        **own,
        **preferred.fields,
        "chosen": preferred.ranked[0],
        "rejected": preferred.ranked[-1],
        "ranked": list(preferred.ranked),
        "lineage": {**lineage, "scores": list(preferred.scores), "sources": list(preferred.sources)},
        **({"gold": group.gold} if group.gold is not None else {}),
    }
    row_id = hashlib.sha256(f"{stage.name}\0{parents[0]}\0{k}\0{preferred.ranked}".encode()).hexdigest()[:24]
    return replace(
        first,
        row_id=row_id,
        messages=tuple(group.question),
        answer=preferred.ranked[0],
        labelled=False,
        fields=fields,
        painted=None,
    )
