"""The source of rows that a training stage asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ..recipe import Train
from ..rows import Example
from ..selecting import fixed_source
from .base import Source
from .pairs import PairRows
from .student import ON_POLICY, student_rows

if TYPE_CHECKING:
    from ..step import Term
    from ..teaching import Taught
    from ..work import Learner, Work


def build(
    work: Work,
    learner: Learner,
    stage: Train,
    examples: Sequence[Example],
    steps: int,
    terms: Sequence[Term],
    taught: Taught,
    reached: Mapping[str, float],
    name: str,
) -> Source:
    """The source of `stage.source.kind`; `examples` are the stage's rows that have an answer, `steps` its length, `reached`
    where the loop's adaptive curves stand, `name` that of the stage's result."""
    if stage.source.kind in ON_POLICY:
        return student_rows(work, learner, stage, examples, steps, terms, taught, reached)
    if stage.source.kind == "pairs":
        return PairRows(examples, stage.batch_size, work.session.recipe.seed)
    return fixed_source(work, learner, stage, examples, taught, name)
