"""A writer carried out without a run: a function of the test says every answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from jobs.distill.asking import Reply
from jobs.distill.catalog.parts.writers import WRITING
from jobs.distill.rows import Row
from jobs.distill.writers.base import Desk, Made, Question, Seed

Says = Callable[[str, Question], str]  # the last turn, and the whole question


def row(question: str, gold: str | None = None, row_id: str = "r1", **fields: Any) -> Row:
    return Row(row_id, ({"role": "user", "content": question},), gold, "train", 0, gold is not None, fields)


def desk(id: str, rows: Sequence[Row] = (), **more: Any) -> Desk:
    settings = {"max_new_tokens": 100, "temperature": 0.7, **more}
    return Desk(WRITING[id].prompts, rows=rows, **settings)


def write(id: str, seed: Row | Seed, says: Says, on: Desk | None = None, **options: Any) -> list[Made]:
    """What the writer makes of one seed; Unusable passes."""
    part = WRITING[id]()
    start = seed if isinstance(seed, Seed) else Seed(seed.row_id, (seed,))
    steps = part.write(start, part.Options.model_validate(options), on or desk(id))
    try:
        asked = next(steps)
        while True:
            replies = [Reply(q.request.sha256, says(q.request.messages[-1]["content"], q)) for q in asked]
            asked = steps.send(replies)
    except StopIteration as done:
        return list(done.value)


def script(*texts: str) -> Says:
    """These answers, in order."""
    left = list(texts)
    return lambda turn, question: left.pop(0)
