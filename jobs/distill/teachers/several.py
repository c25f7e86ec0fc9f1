"""Several teachers as one: their probabilities or logits combined, one for each domain, or a random one at each step.

A member may be a model of its own, the learner's base, a moving average or an earlier adapter; members that share the
learner's base switch its adapter, so there is never another copy of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from ..batches import Micro, one_batch
from ..errors import PlanRefused
from ..objectives.joint import JointTeacher
from ..rows import Example
from .base import Side, Teacher


class JointTeachers:
    """mean: average of probabilities by weight. geometric: average of log-probabilities, by weight. compose: sum of
    coefficient times logits. forget: the first lowered where the second rose. Every member reads every row; their logits meet chunk by chunk in the head pass."""

    def __init__(self, members: Sequence[Teacher], weights: Sequence[float], combine: str) -> None:
        share = sum(weights) if combine == "geometric" else 1.0
        self.members, self.how = members, combine if combine in ("mean", "forget") else "compose"
        self.weights = tuple(w / share for w in weights)

    def side(
        self, micro: Micro, group: Sequence[Example], captures: frozenset[str] = frozenset(), step: int = 0
    ) -> Side:
        _refuse(captures)
        voices = [m.side(micro, group, captures, step).vocabulary for m in self.members]
        return Side(JointTeacher(voices, self.how, self.weights))  # type: ignore[arg-type]


class RoutedTeachers:
    """Each row is read by the teacher of its domain alone. domains: domain -> member; the rest goes to member `other`."""

    def __init__(
        self, members: Sequence[Teacher], of_row: Mapping[str, str], domains: Mapping[str, int], other: int | None
    ) -> None:
        self.members, self.of_row, self.domains, self.other = members, of_row, domains, other

    def side(
        self, micro: Micro, group: Sequence[Example], captures: frozenset[str] = frozenset(), step: int = 0
    ) -> Side:
        _refuse(captures)
        chosen = [self.member(e) for e in group]
        voices, places = [], []
        for k in sorted(set(chosen)):
            mine = [r for r, c in enumerate(chosen) if c == k]
            some = [group[r] for r in mine]
            part = one_batch(some).to(micro.input_ids.device)
            voices.append(self.members[k].side(part, some, captures, step).vocabulary)
            places.append(torch.isin(micro.of, torch.tensor(mine, device=micro.of.device)).nonzero()[:, 0])
        return Side(JointTeacher(voices, "route", places=tuple(places)))  # type: ignore[arg-type]

    def member(self, example: Example) -> int:
        """Number of the teacher that answers for a row."""
        domain = self.of_row.get(example.row_id, "")
        found = self.domains.get(domain, self.other)
        if found is None:
            raise PlanRefused(
                f"No teacher answers for the domain {domain or 'of rows without one'!r} (row {example.row_id}); "
                f"there are teachers for {', '.join(self.domains)}.",
                field="teaching.members",
                hint="Name the domain at one of the teachers, or leave one teacher's domains empty: it takes all others.",
            )
        return found


class DroppedTeachers:
    """One teacher at each step, drawn by weight as a function of (seed, step), so a resumed run draws the same."""

    def __init__(self, members: Sequence[Teacher], weights: Sequence[float], seed: int) -> None:
        self.members, self.seed = members, seed
        self.shares = np.asarray(weights, dtype=np.float64) / sum(weights)

    def side(
        self, micro: Micro, group: Sequence[Example], captures: frozenset[str] = frozenset(), step: int = 0
    ) -> Side:
        _refuse(captures)
        return self.members[self.drawn(step)].side(micro, group, captures, step)

    def drawn(self, step: int) -> int:
        """Number of the teacher of this step, counted from 0."""
        return int(np.random.Generator(np.random.PCG64([self.seed, step])).choice(len(self.shares), p=self.shares))


def _refuse(captures: frozenset[str]) -> None:
    if captures:
        raise PlanRefused(
            f"A term compares inner states ({', '.join(sorted(captures))}), and several teachers have none in common.",
            field="teaching.members",
            hint="Use one teacher in this stage, or terms on the output alone.",
        )
