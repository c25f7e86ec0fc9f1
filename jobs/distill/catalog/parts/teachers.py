"""Kinds of teachers, and ways to combine several, by id."""

from __future__ import annotations

from ...parts import Described
from ...teachers.parts import (
    AdapterOfStage,
    BaseOfLearner,
    ComposedTeachers,
    DroppedTeachers,
    EmaOfLearner,
    ForgettingTeachers,
    GeometricMeanOfTeachers,
    MeanOfTeachers,
    ModelTeacher,
    RoutedTeachers,
)

TEACHERS: dict[str, type[Described]] = {
    "model": ModelTeacher,
    "base": BaseOfLearner,
    "ema": EmaOfLearner,
    "adapter": AdapterOfStage,
    "mean": MeanOfTeachers,
    "geometric": GeometricMeanOfTeachers,
    "compose": ComposedTeachers,
    "forget": ForgettingTeachers,
    "route": RoutedTeachers,
    "drop": DroppedTeachers,
}
