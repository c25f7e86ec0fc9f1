"""Scores on a small frozen slice while training goes on, and the alarms that a person would raise at the curves.

The slice is taken out of the training rows of every stage and of the control arm; the held-out rows of the report are
never looked at before the end. Proxy and truth are told apart: agreement with the teacher's answers is what the objective
pulls at, the score against gold answers is what counts. When the first rises while the second falls, the student
learns to please the teacher (teacher hacking, arXiv:2502.02671).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from .answers import Said, Speaker, collect, decoding_of
from .evaluate import answer_bits, answer_bytes
from .generate import generate
from .recipe import Watch
from .rows import Row, stratified
from .scores import METRICS, normalised
from .students.lora import training_mode

if TYPE_CHECKING:
    from .work import Work

MOST = 0.2  # of the labelled rows may be watched
COLLAPSED = 0.9  # share of one answer, where gold answers are more varied
REPEATING = 0.25  # share of answers that say one piece over and over
LOOKS = 3  # in a row, that make a trend


def watched_rows(rows: Sequence[Row], watch: Sequence[Watch]) -> list[Row]:
    """The slice: labelled training rows, spread over the answers, at most a fifth of them; empty when nobody watches.

    It does not depend on the seed, so runs on the same data watch the same rows.
    """
    sizes = [w.rows for w in watch if w.every is not None]
    labelled = [r for r in rows if r.labelled]
    n = min(max(sizes, default=0), int(MOST * len(labelled)))
    return stratified(labelled, n) if n else []


@dataclass
class Slice:
    """The learner's answers on the slice, look by look."""

    work: Work
    learner: str
    rows: list[Row]
    metric: str
    teacher_said: dict[str, Said] = field(default_factory=dict)
    scores: list[float] = field(default_factory=list)
    proxies: list[float] = field(default_factory=list)

    def look(self, step: int) -> dict[str, float]:
        """`score` (larger is better), `loss` (nats a token of the gold answers), `gap_closed` and `agreement` where there is
        a teacher, `length` (tokens an answer) and `repeating` (share of answers)."""
        model = self.work.learner(self.learner).model
        model.eval()
        speaker = self.work.student_speaker(learner=self.learner)
        try:
            found = self._measure(speaker)
        finally:
            training_mode(model)
        self._warn(step, found)
        return found

    def _measure(self, speaker: Speaker) -> dict[str, float]:
        examples = [speaker.renderer.example(r) for r in self.rows]
        bits = answer_bits(speaker, examples)
        found = {"loss": float(sum(bits) * np.log(2) / sum(e.supervised for e in examples))}
        if self.metric == "bits_per_byte":
            return {"score": -float(sum(bits) / sum(answer_bytes(self.rows))), **found}
        said = self._answers(speaker)
        right = METRICS[self.metric]
        found["score"] = float(np.mean([right(said[r.row_id].text, r.answer or "") for r in self.rows]))
        found["length"] = float(np.mean([s.tokens for s in said.values()]))
        found["repeating"] = float(np.mean([repeats(s.text) for s in said.values()]))
        found["commonest"] = _commonest([s.text for s in said.values()])
        if self.teacher_said:
            found["agreement"] = float(np.mean([right(said[k].text, s.text) for k, s in self.teacher_said.items()]))
        return found

    def _answers(self, speaker: Speaker) -> dict[str, Said]:
        """Greedy answers; a prompt that leaves no room is answered with nothing."""
        evaluation = self.work.session.recipe.evaluation
        decoding = decoding_of(speaker, evaluation.max_new_tokens)
        prompts = {r.row_id: speaker.renderer.prompt(r.messages) for r in self.rows}
        room = speaker.renderer.longest_prompt(speaker.context, decoding.max_new_tokens)
        fitting = [k for k, ids in prompts.items() if len(ids) <= room]
        made = generate(speaker.model, [prompts[k] for k in fitting], decoding, evaluation.batch_size)
        said = {
            k: Said(speaker.renderer.decode(a.ids), a.finished, len(a.ids)) for k, a in zip(fitting, made, strict=True)
        }
        return {k: said.get(k, Said("", False, 0)) for k in prompts}

    # -- alarms ---------------------------------------------------------------------------------------------------

    def _warn(self, step: int, found: dict[str, float]) -> None:
        self.scores.append(found["score"])
        if "agreement" in found:
            self.proxies.append(found["agreement"])
        if falling(self.scores) and rising(self.proxies):
            self._alarm(
                "TEACHER_HACKING",
                step,
                f"Agreement with the teacher rose to {self.proxies[-1]:.3f} over {LOOKS} looks while the score fell to "
                f"{self.scores[-1]:.3f}: the student copies what the teacher gets wrong.",
            )
        gold = _commonest([r.answer or "" for r in self.rows])
        if found.get("commonest", 0.0) >= COLLAPSED > gold:
            self._alarm(
                "COLLAPSE",
                step,
                f"{found['commonest']:.0%} of the watched answers are the same; of the gold ones {gold:.0%} are.",
            )
        if found.get("repeating", 0.0) >= REPEATING:
            self._alarm(
                "REPETITION", step, f"{found['repeating']:.0%} of the watched answers repeat one piece over and over."
            )

    def _alarm(self, code: str, step: int, message: str) -> None:
        self.work.session.events.emit("alarm", code=code, step=step, message=message)


def repeats(text: str, least: int = 4) -> bool:
    """Whether the text ends in one piece of 1 to 8 words said at least `least` times in a row."""
    words = text.split()
    for size in range(1, 9):
        tail = words[-size * least :]
        if len(tail) == size * least and all(tail[i] == tail[i % size] for i in range(len(tail))):
            return True
    return False


def falling(values: Sequence[float]) -> bool:
    """The last LOOKS values, each below the one before."""
    last = list(values[-LOOKS:])
    return len(last) == LOOKS and all(b < a for a, b in zip(last, last[1:], strict=False))


def rising(values: Sequence[float]) -> bool:
    return falling([-v for v in values])


def _commonest(texts: Sequence[str]) -> float:
    """Share of the text said most often."""
    return max(Counter(normalised(t) for t in texts).values()) / len(texts)


def slice_of(work: Work, learner: str, metric: str) -> Slice | None:
    """What a stage looks at; None when no stage watches."""
    rows = work.watched
    if not rows:
        return None
    return Slice(work, learner, rows, metric, work.teacher_watched)


def teacher_answers(work: Work, metric: str) -> dict[str, Said]:
    """What the teacher says on the slice, asked once a run, while it is in memory, and kept like all its answers."""
    if not work.watched or metric == "bits_per_byte":
        return {}
    session, speaker = work.session, work.teacher_speaker()
    evaluation = session.recipe.evaluation
    decoding = decoding_of(speaker, evaluation.max_new_tokens)
    return collect(session, speaker, work.watched, decoding, evaluation.batch_size, "teacher")
