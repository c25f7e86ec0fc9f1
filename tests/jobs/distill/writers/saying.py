"""Writers without a stage: seeds from rows, a function that speaks for the model, what was made or why nothing was."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

from jobs.distill.asking.request import Reply
from jobs.distill.catalog.parts.writers import WRITING
from jobs.distill.rows import Row
from jobs.distill.writers.base import Desk, Made, Seed, Unusable

Says = Callable[[str], str]


def row(question: str, answer: str | None = None, **fields: Any) -> Row:
    id = hashlib.sha256(question.encode()).hexdigest()[:12]
    return Row(id, ({"role": "user", "content": question},), answer, "train", 0, answer is not None, fields)


def desk(writer: str, rows: Sequence[Row] = (), **changes: Any) -> Desk:
    return Desk(WRITING[writer].prompts, 256, rows=rows, **changes)


def seeds(writer: str, rows: Sequence[Row], **options: Any) -> list[Seed]:
    part = WRITING[writer]()
    return list(part.seeds(rows, part.Options(**options), desk(writer, rows)))


def one(writer: str, seed: Seed, says: Says, rows: Sequence[Row] = (), **options: Any) -> list[Made]:
    """What becomes of one seed; raises Unusable. `says` gets the last turn of each question."""
    part = WRITING[writer]()
    steps = part.write(seed, part.Options(**options), desk(writer, rows))
    try:
        questions = next(steps)
        while True:
            replies = [Reply(q.request.sha256, says(q.request.messages[-1]["content"])) for q in questions]
            questions = steps.send(replies)
    except StopIteration as done:
        return list(done.value)


def every(writer: str, rows: Sequence[Row], says: Says, **options: Any) -> tuple[list[Made], list[str]]:
    """(rows made, reasons why others were not), of all seeds."""
    made, reasons = list[Made](), list[str]()
    for seed in seeds(writer, rows, **options):
        try:
            found = one(writer, seed, says, rows, **options)
        except Unusable as e:
            reasons.append(str(e))
            continue
        made += [m for m in found if not m.left_out]
        reasons += [m.left_out for m in found if m.left_out]
    return made, reasons
