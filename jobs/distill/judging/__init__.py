"""Models as judges: what they are asked, how strictly their replies are read, and how far people agree with them. Light."""

from __future__ import annotations

from .asking import Compared, Judged, compare, score
from .reading import Unreadable, read_choice, read_score

__all__ = ["Compared", "Judged", "Unreadable", "compare", "read_choice", "read_score", "score"]
