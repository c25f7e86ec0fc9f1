"""Shapes of the student, by id."""

from __future__ import annotations

from ...parts import Described
from ...shapes.collapse import Collapsed
from ...shapes.merge import Merged
from ...shapes.prune_depth import DepthPruned
from ...shapes.prune_width import WidthPruned
from ...shapes.trim_vocab import VocabTrimmed
from ...shapes.truncate import Truncated

SHAPES: dict[str, type[Described]] = {
    "truncate": Truncated,
    "collapse": Collapsed,
    "prune_depth": DepthPruned,
    "prune_width": WidthPruned,
    "trim_vocab": VocabTrimmed,
    "merge": Merged,
}
