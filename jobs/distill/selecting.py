"""Which rows a stage learns from, in what order and in what form: selections, curricula, mixes of domains, rationales."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from pydantic import ValidationError

from .catalog.parts.selections import METHODS
from .errors import PlanRefused, RecipeInvalid
from .recipe import Select, Train
from .rows import Example, Row
from .selection.base import Candidate, Chosen, Pool, Read, Selection
from .selection.gap import mean_loss
from .selection.reading import joined, read_examples, read_rows
from .sources.base import Source
from .sources.domains import DomainRows
from .sources.fixed import FixedRows
from .sources.tasks import ChunkRows, TwoTasks
from .supervise import (
    as_task,
    chunk_examples,
    chunks_of,
    rationale_rows,
    reasoned,
    whole_texts,
    with_rationale,
)

if TYPE_CHECKING:
    from .teaching import Taught
    from .work import Learner, Work

BINS = 10  # of the histogram of scores


# -- the stage that selects ---------------------------------------------------------------------------------------------


def select(work: Work, index: int, stage: Select) -> None:
    """Sets `work.chosen` to the rows that stay and their weights. Rows left out go to `selection-<stage>.jsonl` with their
    score; the choice is stored, so a resumed run makes the same."""
    session, name = work.session, f"{index:02d}-select"
    session.events.emit("phase", phase="prepare", stage=stage.name, total=len(work.train_rows))
    found = session.results.get(name)
    if found is None:
        method, options = method_of(stage)
        chosen = method.choose(_pool(work, stage), stage.keep, options)
        if not chosen.weights:
            raise PlanRefused(
                f"'{stage.name}' keeps no row.", field=f"stages.{index}.keep", hint="Keep a larger share."
            )
        session.results.put(name, {"chosen.json": json.dumps(_stored(chosen)).encode()})
        found = session.results.get(name)
        assert found is not None
        work.drop_teacher()
    kept = json.loads((found / "chosen.json").read_text(encoding="utf-8"))
    work.chosen = {str(k): float(w) for k, w in kept["weights"].items()}
    work.domains.update(kept.get("domains", {}))
    _tell(work, stage, kept)


def method_of(stage: Select, field: str = "method") -> tuple[Selection, object]:
    """The method and its options; raises RecipeInvalid for an unknown name or a wrong option."""
    if stage.method not in METHODS:
        raise RecipeInvalid(
            f"There is no selection {stage.method!r}.", field=field, hint=f"One of {', '.join(METHODS)}."
        )
    part = METHODS[stage.method]()
    try:
        return part, part.Options.model_validate(stage.options)
    except ValidationError as e:
        err = e.errors(include_url=False)[0]
        place = ".".join(("options", *map(str, err["loc"])))
        raise RecipeInvalid(f"{stage.method}, {place}: {err['msg']}.", field=place) from e


def _pool(work: Work, stage: Select) -> Pool:
    rows = with_answers(work, work.train_rows)
    who = {"teacher": stage.teacher, "reference": stage.reference}
    seen: dict[str, Mapping[str, Read]] = {}

    def read(role: str) -> Mapping[str, Read]:
        if role not in seen:
            seen[role] = read_rows(work, who[role], rows, stage.text)
        return seen[role]

    listed = [Candidate(r.row_id, _text(r), str(r.fields.get("domain") or "")) for r in rows]
    return Pool(listed, read, work.session.recipe.seed)


def with_answers(work: Work, rows: Sequence[Row]) -> list[Row]:
    """Rows with the answer that the teacher wrote for them, where it did."""
    return [replace(r, answer=work.written.get(r.row_id, r.answer)) for r in rows]


def _text(row: Row) -> str:
    return "\n".join([*(m["content"] for m in row.messages), row.answer or ""])


def _stored(chosen: Chosen) -> dict[str, object]:
    return {
        "weights": chosen.weights,
        "scores": chosen.scores,
        "note": chosen.note,
        "facts": chosen.facts,
        "domains": chosen.domains,
    }


def _tell(work: Work, stage: Select, kept: dict[str, dict[str, float]]) -> None:
    """The file of rows left out, their number, and how the scores are spread."""
    session, scores = work.session, kept["scores"]
    out = [r for r in work.train_rows if r.row_id not in kept["weights"]]
    lines = [json.dumps({"row_id": r.row_id, "line": r.line, "score": scores.get(r.row_id)}) + "\n" for r in out]
    name = f"selection-{''.join(c if c.isalnum() else '-' for c in stage.name)}.jsonl"
    (session.folder / name).write_text("".join(lines), encoding="utf-8")
    session.events.reason(
        "rows", f"{len(kept['weights'])} of {len(work.train_rows)} kept", f"{stage.method}: {kept['note']}"
    )
    unread = sum(r.row_id not in scores for r in out)
    text = f"'{stage.name}' leaves out {len(out)} rows, {unread} of them without a score; they are listed in {name}."
    if scores:
        counts, edges = np.histogram(list(scores.values()), BINS)
        text += " Scores: " + ", ".join(
            f"{low:.3g} to {high:.3g}: {n}" for low, high, n in zip(edges, edges[1:], counts, strict=False)
        )
    session.events.log(text)


# -- what a stage learns to say -------------------------------------------------------------------------------------------


def supervised(work: Work, stage: Train, rows: Sequence[Row], name: str) -> list[Example]:
    """Examples of a stage that learns something else than the answer. Rows that do not fit are counted and said."""
    from .stages import answered, examples_of

    renderer, longest = work.learner(stage.learner).opened.renderer, work.longest(stage.learner)
    what = f"'{stage.name}'"
    if stage.supervise == "all":
        return whole_texts(with_answers(work, rows), renderer, longest)
    told = with_rationale(rows, what)
    if stage.supervise == "rationale":
        return examples_of(work, rationale_rows(told, stage.rationale_prefix), what, stage.learner)
    ready = answered(told, work.written)
    if stage.supervise == "label+rationale":
        labels = examples_of(work, answered(rows, work.written), what, stage.learner)
        reasons = examples_of(work, rationale_rows(told, stage.rationale_prefix), what, stage.learner)
        return [*(as_task(e, "label") for e in labels), *(as_task(e, "rationale") for e in reasons)]
    if stage.supervise == "chunks":
        made = [chunk_examples(r, renderer, stage.chunks, longest) for r in ready]
        if lost := sum(not m for m in made):
            work.session.events.log(
                f"{lost} of {len(made)} rows are longer than {longest} tokens and are left out.", "warning"
            )
        return [e for m in made for e in m]
    if stage.supervise == "shortened":
        short = shortened(work, stage, ready, name)
        return examples_of(work, [reasoned(r, short[r.row_id]) for r in ready], what, stage.learner)
    return examples_of(work, [reasoned(r) for r in ready], what, stage.learner)


def shortened(work: Work, stage: Train, rows: Sequence[Row], name: str) -> dict[str, str]:
    """Row id -> its rationale without the chunks that the learner, as it is, does not need: left out one after the other, from
    the first, wherever the answer is no less likely without it. Stored, so a resumed stage learns from the same texts."""
    session = work.session
    if found := session.results.get(f"{name}-shortened"):
        return dict(json.loads((found / "rationales.json").read_text(encoding="utf-8")))
    kept = {r.row_id: chunks_of(str(r.fields["rationale"]), stage.chunks) for r in rows}
    left = {r.row_id: [True] * len(kept[r.row_id]) for r in rows}

    def text(row: Row, without: int | None = None) -> str:
        return "".join(
            c for i, (c, on) in enumerate(zip(kept[row.row_id], left[row.row_id], strict=True)) if on and i != without
        )

    cost = _answer_nats(work, stage, [(r, text(r)) for r in rows])
    for i in range(stage.chunks):
        tried = [r for r in rows if i < len(kept[r.row_id])]
        new = _answer_nats(work, stage, [(r, text(r, i)) for r in tried])
        for row in tried:
            if new[row.row_id] <= cost[row.row_id]:
                left[row.row_id][i], cost[row.row_id] = False, new[row.row_id]
    out = {r.row_id: text(r) for r in rows}
    session.results.put(f"{name}-shortened", {"rationales.json": json.dumps(out, ensure_ascii=False).encode()})
    gone, all_of = sum(not on for v in left.values() for on in v), sum(map(len, left.values()))
    session.events.reason(
        "rationale", f"{all_of - gone} of {all_of} chunks", "the answer is no less likely without the others"
    )
    return out


def _answer_nats(work: Work, stage: Train, asked: Sequence[tuple[Row, str]]) -> dict[str, float]:
    """What the answer alone costs the learner after each rationale."""
    learner = work.learner(stage.learner)
    renderer, longest = learner.opened.renderer, work.longest(stage.learner)
    examples = []
    for row, rationale in asked:
        whole = renderer.example(reasoned(row, rationale))
        tail = len(renderer.answer(row.messages, row.answer or ""))
        ids = whole.ids[-longest:]
        examples.append(replace(whole, ids=ids, start=max(1, len(ids) - tail), paint=None))
    learner.model.eval()
    reads = read_examples(learner.model, examples, lambda: work.session.stopping)
    return {row.row_id: read.nats for (row, _), read in zip(asked, reads, strict=True)}


# -- in what order ----------------------------------------------------------------------------------------------------------


def fixed_source(
    work: Work, learner: Learner, stage: Train, examples: Sequence[Example], taught: Taught, name: str
) -> Source:
    """Rows of the data as the stage wants them: two tasks, chunks, a mix of domains, easy or hard rows first, or shuffled."""
    seed, batch = work.session.recipe.seed, stage.batch_size
    if stage.supervise == "label+rationale":
        return TwoTasks(examples, batch, seed, stage.label_share, stage.reduction)
    if stage.supervise == "chunks":
        return ChunkRows(examples, batch, seed)
    if stage.mix is not None:
        return _mixed(work, learner, stage, examples)
    order = None if stage.order == "shuffled" else by_difficulty(work, learner, stage, examples, name)
    return FixedRows(examples, batch, seed, order)


def by_difficulty(work: Work, learner: Learner, stage: Train, examples: Sequence[Example], name: str) -> list[int]:
    """Numbers of the examples by the learner's nats a token before the stage, stored for a resumed run."""
    session, stored = work.session, f"{name}-order"
    if found := session.results.get(stored):
        losses = json.loads((found / "losses.json").read_text())
    else:
        learner.model.eval()
        losses = [r.per_token for r in read_examples(learner.model, examples, lambda: session.stopping)]
        session.results.put(stored, {"losses.json": json.dumps(losses).encode()})
    sign = 1 if stage.order == "easy_first" else -1
    return sorted(range(len(examples)), key=lambda i: (sign * losses[i], examples[i].row_id))


def _mixed(work: Work, learner: Learner, stage: Train, examples: Sequence[Example]) -> Source:
    mix, session = stage.mix, work.session
    assert mix is not None
    domain = {r.row_id: str(r.fields.get("domain") or "") for r in work.train_rows}
    by: dict[str, list[Example]] = {}
    for e in examples:
        by.setdefault(domain[e.row_id], []).append(e)
    if len(by) < 2:
        raise PlanRefused(
            f"'{stage.name}' mixes domains, and its rows are of {len(by)}.",
            field="data.roles",
            hint="Map a column to the role domain, or leave the mix out.",
        )
    teacher = work.open_teacher(stage.teaching.members[0].name)
    probe = {d: rows[: mix.rows] for d, rows in by.items()}
    theirs: dict[str, float] = {}

    def losses(model: object) -> dict[str, float]:
        return {
            d: mean_loss(joined(rows, read_examples(model, rows)), [e.row_id for e in rows])
            for d, rows in probe.items()
        }

    def gaps() -> dict[str, float]:
        if not theirs:  # the teacher does not change
            theirs.update(losses(teacher.model))
        training = learner.model.training
        learner.model.eval()
        mine = losses(learner.model)
        learner.model.train(training)
        return {d: mine[d] - theirs[d] for d in mine}

    def told(step: int, shares: Mapping[str, float]) -> None:
        values = {f"share.{d or 'none'}": share for d, share in shares.items()}
        session.events.emit("metric", step=step, arm=learner.name, values=values)

    return DomainRows(by, stage.batch_size, session.recipe.seed, gaps, mix.every, mix.pace, mix.floor, told)
