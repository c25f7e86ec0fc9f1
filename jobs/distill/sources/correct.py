"""Sequence correction and re-generation: the first token the teacher finds wrong is replaced, the rest is written again.

Liu et al., Multi-Granularity Semantic Revision for Large Language Model Distillation, arXiv:2407.10068.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ..errors import PlanRefused

if TYPE_CHECKING:
    from .writing import Ask, Reading, Writer, Written


def first_wrong(reading: Reading, wrong_below: float) -> int | None:
    """Place of the first token that the teacher gives less than `wrong_below` of its likeliest token's probability."""
    wrong = np.flatnonzero(reading.logp < reading.best_logp + np.log(wrong_below))
    return int(wrong[0]) if len(wrong) else None


def corrected(writer: Writer, asked: Sequence[Ask], made: list[Written], step: int) -> list[Written]:
    """The answers with their first wrong token replaced by the teacher's likeliest and their tail written again by the
    student; answers without a wrong token stay. Raises PlanRefused without a teacher."""
    if writer.teacher is None:
        raise PlanRefused(
            "Correcting the student's answers needs a teacher, and no term of this stage has one.",
            field="source.correct",
            hint="Add a term that reads the teacher, or switch correction off.",
        )
    readings = writer.read(made, writer.teacher, step)
    out, again = list(made), []
    longest, ends = writer.decoding.max_new_tokens, set(writer.decoding.eos)
    for i, (one, reading) in enumerate(zip(made, readings, strict=True)):
        place = first_wrong(reading, writer.wants.wrong_below)
        if place is None:
            continue
        token = int(reading.best[place])
        head = np.append(one.ids[:place], token).astype(np.int32)
        out[i] = replace(one, ids=head, finished=token in ends, corrected=True)
        if token not in ends and len(head) < longest:
            again.append(i)
    tails = writer.continued(
        [np.concatenate([writer.prompts[out[i].prompt].ids, out[i].ids]) for i in again],
        [_seed(asked[i].key) for i in again],
        [longest - len(out[i].ids) for i in again],
    )
    for i, tail in zip(again, tails, strict=True):
        out[i] = replace(out[i], ids=np.concatenate([out[i].ids, writer.ended(tail)]), finished=tail.finished)
    return out


def _seed(key: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{key}:again".encode()).digest()[:8], "big")
