"""Terms over hidden states, attention and whole batches, by id."""

from __future__ import annotations

from ...objectives.base import Part
from ...objectives.features.hidden import Hidden
from ...objectives.features.relations import Relations
from ...objectives.features.sinkhorn import Sinkhorn
from ...objectives.features.span_correlation import SpanCorrelation
from ...objectives.features.ted import TaskAware

STATES: dict[str, type[Part]] = {
    "hidden": Hidden,
    "attention-relations": Relations,
    "task-aware-layers": TaskAware,
    "sinkhorn": Sinkhorn,
    "span-correlation": SpanCorrelation,
}
