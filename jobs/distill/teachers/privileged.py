"""A teacher that reads more than the student: a row's privileged text before the question.

Zhao et al. 2026, Self-Distilled Reasoner, arXiv:2601.18734. The answer's ids are the same for both; only the teacher's prompt
differs, so its states are taken at the same answer tokens, in the same order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from ..batches import Micro, one_batch
from ..rows import Example, Renderer, Row
from .base import Side, Teacher


class PrivilegedTeacher:
    """Any teacher, given prompts of its own. prompts: row id -> ids [length] of what it reads instead of the student's prompt;
    rows without an entry are read as the student reads them."""

    def __init__(self, teacher: Teacher, prompts: Mapping[str, np.ndarray]) -> None:
        self.teacher, self.prompts = teacher, prompts

    def side(
        self, micro: Micro, group: Sequence[Example], captures: frozenset[str] = frozenset(), step: int = 0
    ) -> Side:
        seen = [self.as_read(e) for e in group]
        return self.teacher.side(one_batch(seen).to(micro.input_ids.device), seen, captures, step)

    def as_read(self, example: Example) -> Example:
        """The same answer behind the teacher's own prompt."""
        prompt = self.prompts.get(example.row_id)
        if prompt is None:
            return example
        ids = np.concatenate([prompt, example.ids[example.start :]]).astype(example.ids.dtype)
        return replace(example, ids=ids, start=len(prompt))


def with_privileged(messages: Sequence[Mapping[str, str]], text: str) -> list[dict[str, str]]:
    """The conversation with `text` before its last question."""
    *before, last = (dict(m) for m in messages)
    return [*before, {**last, "content": f"{text}\n\n{last['content']}"}]


def privileged_prompts(rows: Sequence[Row], renderer: Renderer, longest: int) -> tuple[dict[str, np.ndarray], int, int]:
    """Prompts of the rows that have privileged text, at most `longest` tokens; and how many have none, how many are too long."""
    prompts, none, long = {}, 0, 0
    for row in rows:
        text = str(row.fields.get("privileged") or "").strip()
        instead = row.fields.get("privileged_prompt")  # turns that a stage wrote for the teacher to read instead
        if not text and not instead:
            none += 1
            continue
        ids = renderer.prompt([dict(m) for m in instead] if instead else with_privileged(row.messages, text))
        if len(ids) > longest:
            long += 1
        else:
            prompts[row.row_id] = np.asarray(ids, dtype=np.int32)
    return prompts, none, long
