"""Ways to merge adapters, by id."""

from __future__ import annotations

from ...merging.base import Merging
from ...merging.dare import Dare
from ...merging.extrapolate import Extrapolate
from ...merging.learned import Learned
from ...merging.linear import Linear
from ...merging.slerp import Slerp
from ...merging.ties import Ties
from ...merging.variation import Variation
from ...parts import Described

METHODS: dict[str, type[Merging]] = {
    part.id: part for part in (Linear, Slerp, Ties, Dare, Extrapolate, Variation, Learned)
}

MERGES: dict[str, type[Described]] = dict(METHODS)
