"""The student writes: answers to prompts as training rows need them, with what policy-gradient terms want to know of each."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from ..batches import Limits, micro_batches
from ..generate import Answer, Decoding, generate
from ..head import head_read
from ..ranks import here
from ..rewards import reward_of
from ..rows import Example, Renderer
from ..teachers.base import Teacher
from ..teachers.local import LocalTeacher
from ..teachers.own import quiet

WRITING_BATCH = 32
ROLLOUT = "rollout"


@dataclass(frozen=True)
class Prompt:
    """What the student is asked: ids [length] up to where the answer starts, and the row with its own answer if it has one."""

    row_id: str
    ids: np.ndarray
    labelled: bool
    gold: str | None = None
    weight: float = 1.0
    fixed: Example | None = None


@dataclass(frozen=True)
class Written:
    """One answer of the student to prompt number `prompt`: token ids, its end token included when it came to an end.

    old_logq, old_logp: float32 [tokens], log-probabilities under the writer and under the teacher, where a term needs them.
    """

    prompt: int
    ids: np.ndarray
    finished: bool
    reward: float = 0.0
    corrected: bool = False
    old_logq: np.ndarray | None = None
    old_logp: np.ndarray | None = None

    @property
    def empty(self) -> bool:
        """Nothing was said but the end token."""
        return self.finished and len(self.ids) == 1


@dataclass(frozen=True)
class Ask:
    """One answer that is wanted. `key` (seed, step, place, sample) alone decides the draws."""

    prompt: int
    key: str

    @property
    def seed(self) -> int:
        return int.from_bytes(hashlib.sha256(self.key.encode()).digest()[:8], "big")


@dataclass(frozen=True)
class Wants:
    """What is done with an answer before it is a training row."""

    reward: str = "none"
    old_logq: bool = False
    old_logp: bool = False
    correct: bool = False
    wrong_below: float = 0.1


@dataclass
class Writer:
    """The learner as it is now, adapter on, dropout off. `vocab` ids may be said; `teacher` reads answers where one is wanted."""

    model: Any
    renderer: Renderer
    prompts: Sequence[Prompt]
    decoding: Decoding
    wants: Wants
    limits: Limits
    vocab: int | None = None
    teacher: Teacher | None = None
    beat: Callable[[], None] = lambda: None
    scorer: Callable[[Sequence[Example]], list[float]] | None = None  # of answers, where a model rewards them

    def write(self, asked: Sequence[Ask], step: int) -> list[Written]:
        """An answer for each ask, in order. The learner's modes and random state are as before."""
        if not asked:
            return []
        return here().dealt(asked, lambda mine: self._write(mine, step))

    def _write(self, asked: Sequence[Ask], step: int) -> list[Written]:
        """This rank's part of them."""
        if not asked:
            return []
        with quiet(self.model):
            made = self._finish(asked, self._say([self.prompts[a.prompt].ids for a in asked], [a.seed for a in asked]))
            if self.wants.correct:
                from .correct import corrected

                made = corrected(self, asked, made, step)
            return self._scored(self._rewarded(made), step)

    def continued(self, prompts: Sequence[np.ndarray], seeds: Sequence[int], room: Sequence[int]) -> list[Answer]:
        """What the student says after these ids, each within its own number of tokens."""
        return self._say(prompts, seeds, room)

    def example(self, one: Written) -> Example:
        prompt = self.prompts[one.prompt]
        ids = np.concatenate([prompt.ids, one.ids]).astype(np.int32)
        return Example(prompt.row_id, ids, len(prompt.ids), prompt.labelled, ROLLOUT, weight=prompt.weight)

    def ended(self, answer: Answer) -> np.ndarray:
        """Ids of an answer with its end token; one that was cut has none and is supervised only as far as it goes."""
        return np.asarray(answer.ids + ([answer.end] if answer.end is not None else []), dtype=np.int32)

    # -- inside ---------------------------------------------------------------------------------------------------

    def _say(
        self, prompts: Sequence[np.ndarray], seeds: Sequence[int], room: Sequence[int] | None = None
    ) -> list[Answer]:
        ids = [p.tolist() for p in prompts]
        return generate(
            self.model,
            ids,
            self.decoding,
            WRITING_BATCH,
            refill=True,
            seeds=seeds,
            vocab=self.vocab,
            room=room,
            beat=self.beat,
        )

    def _finish(self, asked: Sequence[Ask], said: Sequence[Answer]) -> list[Written]:
        return [Written(a.prompt, self.ended(s), s.finished) for a, s in zip(asked, said, strict=True)]

    def _rewarded(self, made: list[Written]) -> list[Written]:
        if self.wants.reward == "none":
            return made
        if self.scorer is not None:
            rewards = self.scorer([self.example(w) for w in made])
            return [replace(w, reward=r) for w, r in zip(made, rewards, strict=True)]
        name = self.wants.reward
        return [
            replace(w, reward=reward_of(name, self.renderer.decode(w.ids.tolist()), self.prompts[w.prompt].gold))
            for w in made
        ]

    def _scored(self, made: list[Written], step: int) -> list[Written]:
        if self.wants.old_logq:
            student = LocalTeacher(self.model, self.vocab)
            scores = self.read(made, student, step)
            made = [replace(w, old_logq=s.logp) for w, s in zip(made, scores, strict=True)]
        if self.wants.old_logp and self.teacher is not None:
            scores = self.read(made, self.teacher, step)
            made = [replace(w, old_logp=s.logp) for w, s in zip(made, scores, strict=True)]
        return made

    @torch.no_grad()
    def read(self, made: Sequence[Written], reader: Teacher, step: int) -> list[Reading]:
        """How likely `reader` finds each answer's tokens, and what it would have said: one forward a micro-batch."""
        examples = [self.example(w) for w in made]
        out: dict[int, Reading] = {}
        device = next(self.model.parameters()).device
        for micro in micro_batches(examples, range(len(examples)), self.limits):
            side = reader.side(micro.to(device), [examples[i] for i in micro.which], step=step)
            got = head_read(side.vocabulary.hidden, side.vocabulary.head, micro.to(device).labels, top_k=1)  # type: ignore[union-attr]
            assert got.label_logp is not None and got.z is not None
            best_logp = got.z[:, 0] - got.lse[1.0]
            counts = [examples[i].supervised for i in micro.which]
            parts = [t.float().cpu().split(counts) for t in (got.label_logp, best_logp)]
            ids = got.best.cpu().split(counts)
            for i, logp, top, best in zip(micro.which, *parts, ids, strict=True):
                out[i] = Reading(logp.numpy(), top.numpy(), best.numpy())
            self.beat()
        return [out[i] for i in range(len(made))]


@dataclass(frozen=True)
class Reading:
    """Of one answer, [tokens] each: log-probability of the token said, that of the likeliest one, and its id."""

    logp: np.ndarray
    best_logp: np.ndarray
    best: np.ndarray
