"""A way of answering carried out without weights: a function of the test speaks for every adapter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jobs.distill.asking import Reply
from jobs.distill.catalog.parts.decoding import WAYS
from jobs.distill.decoding.base import Answered, Hand
from jobs.distill.rows import Row

Says = Callable[[str, str, Any], str]  # who is asked, the last turn, the request


def answer(id: str, question: Row, says: Says, hand: Hand | None = None, **options: Any) -> Answered:
    part = WAYS[id]()
    steps = part.answer(question, part.Options.model_validate(options), hand or Hand(64))
    try:
        asked = next(steps)
        while True:
            said = [says(q.to, q.request.messages[-1]["content"], q.request) for q in asked]
            asked = steps.send([Reply(q.request.sha256, t) for q, t in zip(asked, said, strict=True)])
    except StopIteration as done:
        return done.value
