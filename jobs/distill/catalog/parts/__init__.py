"""Every part of this package by id, a literal dict a kind. Light: no torch."""

from .adapters import ADAPTERS
from .aligned import ALIGNED
from .decoding import DECODING
from .merges import MERGES
from .policy import POLICY
from .preference import PREFERENCE
from .preferring import PREFERENCE_RULES
from .selections import SELECTIONS
from .shapes import SHAPES
from .sources import SOURCES
from .states import STATES
from .teachers import TEACHERS
from .token import TOKEN
from .verifiers import VERIFIERS
from .weightings import WEIGHTINGS
from .writers import WRITERS

__all__ = [
    "ADAPTERS", "ALIGNED", "DECODING", "MERGES", "POLICY", "PREFERENCE", "PREFERENCE_RULES", "SELECTIONS", "SHAPES", "SOURCES", "STATES",
    "TEACHERS", "TOKEN", "VERIFIERS", "WEIGHTINGS", "WRITERS",
]  # fmt: skip
