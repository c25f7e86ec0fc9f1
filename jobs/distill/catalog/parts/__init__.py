"""Every part of this package by id, a literal dict a kind. Light: no torch."""

from .adapters import ADAPTERS
from .aligned import ALIGNED
from .merges import MERGES
from .policy import POLICY
from .preference import PREFERENCE
from .selections import SELECTIONS
from .shapes import SHAPES
from .sources import SOURCES
from .states import STATES
from .teachers import TEACHERS
from .token import TOKEN
from .weightings import WEIGHTINGS

__all__ = [
    "ADAPTERS", "ALIGNED", "MERGES", "POLICY", "PREFERENCE", "SELECTIONS", "SHAPES", "SOURCES", "STATES", "TEACHERS", "TOKEN",
    "WEIGHTINGS",
]  # fmt: skip
