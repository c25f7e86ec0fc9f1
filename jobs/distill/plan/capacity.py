"""The law of the capacity gap: which of several teachers suits a student best, and what assistants lie between.

Zhang et al., Towards the Law of Capacity Gap in Distilling Language Models, ACL 2025 (arXiv:2311.07052): over many pairs of
general language models below 3 billion parameters the best teacher's size grows linearly with the student's, at about 2.5
times; they carry it over to a teacher of 7 billion. For a narrow task the best ratio may be another.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class GapLaw:
    """best: the ratio of parameters that teaches best. near: within this factor of it nothing is to be gained by another size.
    far: from this ratio on it is worth saying so."""

    best: float = 2.5
    near: float = 2.0
    far: float = 20.0


LAW = GapLaw()
SOURCE = "https://aclanthology.org/2025.acl-long.1097/"


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
