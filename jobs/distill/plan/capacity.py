"""The law of the capacity gap: which of several teachers suits a student best, and what assistants lie between.

Zhang et al. 2023, Towards the Law of Capacity Gap in Distilling Language Models, arXiv:2311.07052: over many pairs the best
teacher's size grows linearly with the student's, at about 2.5 times.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class GapLaw:
    """best: the ratio of parameters that teaches best. far: from this ratio on it is worth saying so."""

    best: float = 2.5
    far: float = 20.0


LAW = GapLaw()


def is_far(student: int, teacher: int, law: GapLaw = LAW) -> bool:
    """Whether a teacher is so much larger that an assistant between the two may teach better. Sizes in parameters."""
    return teacher > law.far * student


def nearest(student: int, known: Mapping[str, int], law: GapLaw = LAW) -> str | None:
    """The model whose size is nearest to the best one, by ratio, among those larger than the student; None without any."""
    larger = {name: size for name, size in known.items() if size > student}
    return min(larger, key=lambda n: (abs(math.log(larger[n] / (law.best * student))), n), default=None)


def assistants(student: int, teacher: int, law: GapLaw = LAW) -> list[int]:
    """Sizes of the assistants of a chain, from the teacher's side down: as many as make each step nearest to the best ratio,
    evenly spaced by ratio. Empty where one step is near enough."""
    ratio = teacher / student
    steps = max(1, round(math.log(ratio) / math.log(law.best))) if ratio > 1 else 1
    return [round(student * ratio ** (k / steps)) for k in range(steps - 1, 0, -1)]
