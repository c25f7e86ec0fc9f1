"""Writers of loops and preferences: rows from what the student gets wrong, contexts, judgements. Light: no torch."""

from __future__ import annotations

from ...writers.base import Writer
from ...writers.class_mix import ClassMix
from ...writers.contexts import ShortAndLong
from ...writers.hard_questions import HardQuestions
from ...writers.judgements import Judgements
from ...writers.similar import Similar
from ...writers.tailored import TailoredRationale
from ...writers.weak_spots import WeakSpots

LOOPING: tuple[type[Writer], ...] = (
    TailoredRationale,
    Similar,
    HardQuestions,
    ShortAndLong,
    Judgements,
    ClassMix,
    WeakSpots,
)
