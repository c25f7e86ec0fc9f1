"""Preference rules, by id. Light: no torch."""

from __future__ import annotations

from ...parts import Described
from ...preferring.base import Rule
from ...preferring.by_check import ByScore, VerifiedOverFailed
from ...preferring.by_judge import AgreedRankings, JudgeRanking
from ...preferring.by_metric import MetricDifference
from ...preferring.by_writer import DominantLanguage, ShortOverLong, TeacherOverStudent

PREFERRING: dict[str, type[Rule]] = {
    part.id: part
    for part in (
        TeacherOverStudent, JudgeRanking, VerifiedOverFailed, MetricDifference, ByScore, AgreedRankings, ShortOverLong,
        DominantLanguage,
    )
}  # fmt: skip

PREFERENCE_RULES: dict[str, type[Described]] = dict(PREFERRING)
