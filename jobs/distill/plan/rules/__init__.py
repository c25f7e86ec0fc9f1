"""The compiler's rules: each takes a case and yields findings. A new rule is a function and a name in one of the lists."""

from __future__ import annotations

from collections.abc import Iterator

from ..case import Case
from ..findings import Finding
from ..rows import Rows
from . import (
    adapter,
    aligned,
    base,
    data,
    endpoints,
    features,
    kinds,
    labelling,
    merge,
    models,
    objective,
    on_policy,
    placement,
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
    *labelling.EVERY,
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
    *base.RULES,
    *adapter.RULES,
    *training.RULES,
    *placement.RULES,
    *unread.RULES,
)

# A student that names instead of writing: what concerns tokens, written answers and inner states is not asked.
LABEL_RULES = (
    *labelling.EVERY,
    models.teacher_is_there,
    models.teacher_differs,
    models.licence_allows_it,
    *(rule for rule in endpoints.RULES if rule is not endpoints.endpoints_give_text_only),
    *data.RULES,
    objective.terms_are_known,
    objective.options_are_valid,
    objective.something_is_learned,
    objective.t_squared_is_stated,
    *labelling.LABELS,
    base.labels_have_a_base_as_it_is,
    adapter.targets_exist,
    adapter.rank_fits,
    adapter.scale_is_sane,
    *training.RULES,
    *placement.RULES,
)


def check(case: Case, rows: Rows) -> Iterator[Finding]:
    """Every finding of every rule, in the order of the page: models, data, method, adapter, training."""
    for rule in LABEL_RULES if case.labels else RULES:
        yield from rule(case, rows)
