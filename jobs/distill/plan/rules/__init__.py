"""The compiler's rules: each takes a case and yields findings. A new rule is a function and a name in one of the lists."""

from __future__ import annotations

from collections.abc import Iterator

from ..case import Case
from ..findings import Finding
from ..rows import Rows
from . import (
    adapter,
    aligned,
    data,
    endpoints,
    features,
    kinds,
    merge,
    models,
    objective,
    on_policy,
    preference,
    selection,
    shape,
    teachers,
    tokens,
    training,
    unread,
    writing,
)

RULES = (
    *models.RULES,
    *kinds.RULES,
    *endpoints.RULES,
    *teachers.RULES,
    *aligned.RULES,
    *data.RULES,
    *objective.RULES,
    *tokens.RULES,
    *on_policy.RULES,
    *preference.RULES,
    *features.RULES,
    *selection.RULES,
    *writing.RULES,
    *merge.RULES,
    *shape.RULES,
    *adapter.RULES,
    *training.RULES,
    *unread.RULES,
)


def check(case: Case, rows: Rows) -> Iterator[Finding]:
    """Every finding of every rule, in the order of the page: models, data, method, adapter, training."""
    for rule in RULES:
        yield from rule(case, rows)
