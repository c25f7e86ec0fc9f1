"""Token weights, by id."""

from __future__ import annotations

from ...weightings.base import Weighting
from ...weightings.parts import ConfidenceAndNeed, KLGap, StudentDifficulty, TeacherEntropy

WEIGHTINGS: dict[str, type[Weighting]] = {
    "teacher-entropy": TeacherEntropy,
    "student-difficulty": StudentDifficulty,
    "kl-gap": KLGap,
    "confidence-and-need": ConfidenceAndNeed,
}
