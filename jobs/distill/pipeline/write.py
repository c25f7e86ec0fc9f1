"""The stage `write`: seeds become questions, replies become rows. What could not be written is listed with its reason."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from ..asking import OUTCOMES, Reply
from ..data.paint import painted_of
from ..errors import PlanRefused
from ..recipe import Write
from ..rows import Row, stratified
from ..writers.base import Desk, Made, Question, Seed, Steps, Unusable, Writer
from ..writers.choose import prompts_of, writer_of
from . import pool
from .askers import ask
from .graded import by_doubt, graded
from .pool import Kept, Rejected

if TYPE_CHECKING:
    from ..work import Work

WINDOW = 2048  # seeds that are worked on together


def write(work: Work, index: int, stage: Write) -> Kept:
    """Carries the stage out, or takes its outcome from an earlier attempt. Raises PlanRefused when it makes no row."""
    name = f"{index:02d}-write"
    if found := pool.stored(work, name, stage.name):
        return found
    session = work.session
    writer, options = writer_of(stage, f"stages.{index}")
    chosen, says = chosen_rows(work, stage)
    session.events.emit("phase", phase="teacher", stage=stage.name, total=len(chosen) * stage.candidates)
    made, rejected = write_rows(work, stage, writer, options, chosen, says)
    if not made and not (writer.selective and work.train_rows) and (chosen or not work.train_rows):
        pool.write_lists(work, stage.name, made, rejected)
        raise PlanRefused(
            f"'{stage.name}' made no row of {len(chosen):,}. {pool.examples(rejected)}",
            field=f"stages.{index}.writer",
            hint="Look at the answers in the list of rejected rows, then change the prompt or the options.",
        )
    kept = Kept(_joined(work.train_rows, made, stage.keep), made, rejected, {"asked": len(chosen) * stage.candidates})
    return pool.store(work, name, stage.name, kept)


def chosen_rows(work: Work, stage: Write) -> tuple[list[Row], dict[str, str]]:
    """The rows to start from, and what the student answered where that was asked for."""
    rows, says = list(work.train_rows), dict[str, str]()
    if stage.tasks:
        rows = [r for r in rows if r.fields.get("task", "") in stage.tasks]
    if stage.rows == "written":
        rows = [r for r in rows if pool.written(r)]
    elif stage.rows == "data":
        rows = list(work.data_rows)
    elif stage.rows == "questions":
        rows = list({json.dumps(r.messages): r for r in reversed(rows)}.values())[::-1]
    elif stage.rows in ("labelled", "unlabelled"):
        rows = [r for r in rows if r.labelled == (stage.rows == "labelled") and not pool.written(r)]
    elif stage.rows == "unsure":
        rows = by_doubt(work, [r for r in rows if not r.labelled and not pool.written(r)])
        return rows[: stage.limit], says
    elif stage.rows in ("wrong", "right"):
        found = graded(work, [r for r in work.data_rows if r.labelled])
        rows = [g.row for g in found if g.right == (stage.rows == "right")]
        says = {g.row.row_id: g.answer for g in found}
    return stratified(rows, stage.limit, work.session.recipe.seed), says


# -- many writings at once ----------------------------------------------------------------------------------------------


@dataclass
class _Writing:
    """One seed under way, once a candidate."""

    seed: Seed
    number: int
    steps: Steps
    questions: list[Question]
    calls: list[str]


def write_rows(
    work: Work, stage: Write, writer: Writer, options: Any, chosen: Sequence[Row], says: Mapping[str, str]
) -> tuple[list[Row], list[Rejected]]:
    """Rows made of these, and what was left out; every seed ends in one of the two."""
    desk = Desk(
        prompts_of(stage, writer),
        stage.max_new_tokens,
        stage.temperature,
        stage.top_p,
        seed=work.session.recipe.seed,
        rows=work.train_rows,
        student_says=says,
    )
    made, rejected, seeds = list[Row](), list[Rejected](), iter(writer.seeds(chosen, options, desk))
    while window := list(islice(seeds, WINDOW)):
        active = list(_started(window, stage, writer, options, desk, made, rejected))
        while active:
            active = list(_step(work, stage, active, writer, made, rejected))
    return _different(made, rejected), rejected


def _started(
    seeds: Iterable[Seed],
    stage: Write,
    writer: Writer,
    options: Any,
    desk: Desk,
    made: list[Row],
    rejected: list[Rejected],
) -> Iterator[_Writing]:
    for seed in seeds:
        for number in range(stage.candidates):
            steps = writer.write(seed, options, replace(desk, number=number))
            one = _Writing(seed, number, steps, [], [])
            if _advance(one, None, stage, writer, made, rejected):
                yield one


def _step(
    work: Work, stage: Write, active: Sequence[_Writing], writer: Writer, made: list[Row], rejected: list[Rejected]
) -> Iterator[_Writing]:
    """Asks everything that the writings wait for, whom it concerns in turn, and lets them go on."""
    replies: dict[tuple[str, str], Reply] = {}
    asked = dict[str, list[Any]]()
    for one in active:
        for q in one.questions:
            asked.setdefault(q.to or stage.by, []).append(q.request)
    for who, requests in asked.items():
        for request, reply in zip(requests, ask(work, who, requests, stage.name, stage.batch_size), strict=True):
            replies[who, request.sha256] = reply
    for one in active:
        mine = [replies[q.to or stage.by, q.request.sha256] for q in one.questions]
        one.calls += [r.request for r in mine]
        bad = next((r for q, r in zip(one.questions, mine, strict=True) if not (r.ok or q.measures)), None)
        if bad:
            rejected.append(_out(one, bad.outcome, bad.why or OUTCOMES[bad.outcome], bad.text))
            one.steps.close()
        elif _advance(one, mine, stage, writer, made, rejected):
            yield one


def _advance(
    one: _Writing, replies: list[Reply] | None, stage: Write, writer: Writer, made: list[Row], rejected: list[Rejected]
) -> bool:
    """Runs a writing to its next questions; False when it has ended."""
    try:
        one.questions = next(one.steps) if replies is None else one.steps.send(replies)
        return True
    except StopIteration as done:
        for k, m in enumerate(done.value):
            if m.left_out:
                rejected.append(_left_out(one, m, k))
            else:
                made.append(_row(one, m, k, stage, writer))
    except Unusable as why:
        rejected.append(_out(one, "unusable", str(why), replies[-1].text if replies else ""))
    return False


def _out(one: _Writing, code: str, reason: str, said: str) -> Rejected:
    question = one.seed.rows[0].question if one.seed.rows else str(dict(one.seed.values))[:500]
    parents = tuple(r.row_id for r in one.seed.rows)
    return Rejected(one.seed.id, code, reason, question[:2000], said[:2000], parents)


def _left_out(one: _Writing, made: Made, k: int) -> Rejected:
    parents = tuple(r.row_id for r in one.seed.rows)
    question = made.messages[-1]["content"] if made.messages else ""
    return Rejected(
        f"{one.seed.id}-{k}", "unusable", made.left_out, question[:2000], (made.answer or "")[:2000], parents
    )


def _row(one: _Writing, made: Made, k: int, stage: Write, writer: Writer) -> Row:
    """The row with its lineage. It keeps its parent's id where it is the parent with another answer."""
    parents = [r.row_id for r in one.seed.rows]
    before = one.seed.rows[0].fields.get("lineage", {}) if one.seed.rows else {}
    origin = before.get("parents", parents) if made.same else parents
    lineage = {
        "parents": origin,
        "stage": stage.name,
        "writer": writer.id,
        "by": stage.by,
        "calls": [*before.get("calls", []), *one.calls] if made.same else one.calls,
        "prompts": {step: p.hash for step, p in prompts_of(stage, writer).items()},
        "number": one.number,
        **({} if one.seed.rows else {"values": dict(one.seed.values)}),
    }
    same = made.same and stage.candidates == 1
    text = f"{stage.name}\0{one.seed.id}\0{one.number}\0{k}\0{stage.by}"
    row_id = parents[0] if same and parents else hashlib.sha256(text.encode()).hexdigest()[:24]
    fields = {**{k: v for k, v in made.fields.items() if v is not None}, "lineage": lineage}
    line = one.seed.rows[0].line if one.seed.rows else 0
    painted = painted_of(row_id, made.answer, fields)
    return Row(row_id, tuple(dict(m) for m in made.messages), made.answer, "train", line, False, fields, painted)


def _different(made: Sequence[Row], rejected: list[Rejected]) -> list[Row]:
    """The rows without exact copies of a question with its answer; copies are listed. Ids are each once."""
    seen, out = dict[tuple[str, ...], str](), list[Row]()
    for row in made:
        key = (*(m["role"] + m["content"] for m in row.messages), row.answer or "")
        if key in seen:
            parents = tuple(row.fields["lineage"]["parents"])
            why = f"the same question and answer as {seen[key][:12]}"
            rejected.append(Rejected(row.row_id, "copy", why, row.question[:2000], (row.answer or "")[:2000], parents))
            continue
        seen[key] = row.row_id
        out.append(row)
    return out


def _joined(rows: Sequence[Row], made: Sequence[Row], keep: str) -> list[Row]:
    if keep == "only":
        return list(made)
    if keep == "add":
        taken = {r.row_id for r in rows}
        return [*rows, *(r if r.row_id not in taken else _renamed(r) for r in made)]
    replaced = {p for r in made for p in r.fields["lineage"]["parents"]} | {r.row_id for r in made}
    return [*(r for r in rows if r.row_id not in replaced), *made]


def _renamed(row: Row) -> Row:
    """A row that joins the one it came from needs an id of its own."""
    text = f"{row.row_id}\0{row.fields['lineage']['stage']}\0{row.answer}"
    return replace(row, row_id=hashlib.sha256(text.encode()).hexdigest()[:24])
