"""Pairs by the density ratio of a strong model over a weak one: a reward nobody had to train."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ..answers import Speaker
from ..errors import PlanRefused
from ..evaluate import answer_bits
from ..recipe import Member, Train
from ..rows import Row
from ..teachers.own import borrowed
from .contrast import speaker_now, stored, student_says
from .pairs import Group, pair, same, unended

if TYPE_CHECKING:
    from ..work import Work


@dataclass(frozen=True)
class Scored:
    """One answer with its log-probability, summed over its tokens, under both models."""

    text: str
    finished: bool
    strong: float
    weak: float

    @property
    def reward(self) -> float:
        """log p_strong(y | x) - log p_weak(y | x), in nats."""
        return self.strong - self.weak


def by_density(work: Work, stage: Train, rows: Sequence[Row], name: str, missing: Counter[str]) -> list[Group]:
    """Of the learner's answers to each prompt the finished one with the largest reward over the one with the smallest."""

    def make() -> dict[str, Any]:
        return {i: [vars(s) for s in scored] for i, scored in rewarded(work, stage, rows).items()}

    for member in (stage.source.strong, stage.source.weak):
        if member.kind == "model":
            work.open_teacher(member.name)  # a resumed run, too, keeps to the rows that every model can read
    kept = stored(work, name, make)
    out = []
    for row in rows:
        best_worst = extremes([Scored(**s) for s in kept.get(row.row_id, [])], missing)
        if best_worst:
            best, worst = best_worst
            out.append(pair(row, best.text, worst.text, worst.finished))
    return out


def extremes(answers: Sequence[Scored], missing: Counter[str]) -> tuple[Scored, Scored] | None:
    """(chosen, rejected); None, and why in `missing`, when there are no two answers that the reward tells apart."""
    whole = [a for a in answers if a.finished]
    if not whole:
        missing["no answer came to its end"] += 1
        return None
    best, worst = max(whole, key=lambda a: a.reward), min(answers, key=lambda a: a.reward)
    if same(best.text, worst.text) or best.reward <= worst.reward:
        missing["the reward tells no two answers apart"] += 1
        return None
    return best, worst


def rewarded(work: Work, stage: Train, rows: Sequence[Row]) -> dict[str, list[Scored]]:
    """Every row's different answers with both log-probabilities."""
    texts: dict[str, dict[str, bool]] = {r.row_id: {} for r in rows}
    for sample in range(stage.source.samples):
        for row_id, said in student_says(work, stage, rows, sample).items():
            if said.text.strip():
                texts[row_id].setdefault(said.text, said.finished)
    asked = [(replace(r, answer=text), finished) for r in rows for text, finished in texts[r.row_id].items()]
    with work.session.timed("teacher"):
        strong = log_probabilities(work, stage, stage.source.strong, asked)
        weak = log_probabilities(work, stage, stage.source.weak, asked)
    out: dict[str, list[Scored]] = {r.row_id: [] for r in rows}
    for (row, finished), s, w in zip(asked, strong, weak, strict=True):
        out[row.row_id].append(Scored(row.answer or "", finished, s, w))
    return out


def log_probabilities(work: Work, stage: Train, member: Member, asked: Sequence[tuple[Row, bool]]) -> list[float]:
    """log p(answer | prompt) in nats under one voice, read with its own tokenizer and template."""
    with voice(work, stage, member) as speaker:
        examples = [unended(speaker.renderer.example(row), finished) for row, finished in asked]
        return [-bits * math.log(2) for bits in answer_bits(speaker, examples, lambda: work.session.stopping)]


@contextmanager
def voice(work: Work, stage: Train, member: Member) -> Iterator[Speaker]:
    """A teacher, the learner's base, or the adapter an earlier stage ended with, for as long as the block lasts."""
    learner = work.learner(stage.learner)
    if member.kind == "model":
        yield work.teacher_speaker(member.name)
        return
    speaker = speaker_now(work, stage)
    if member.kind == "base":
        with learner.model.disable_adapter():
            yield speaker
    elif member.kind == "adapter":
        with borrowed(learner.model, work.adapter_of(member.name)):
            yield speaker
    else:
        raise PlanRefused(
            "A moving average cannot score answers before the stage has begun.",
            field="source.strong",
            hint="Use a teacher, the base, or the adapter an earlier stage ended with.",
        )
