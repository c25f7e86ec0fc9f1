"""The source of rows that a training stage asks for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..recipe import Train
from ..rows import Example
from .base import Source
from .fixed import FixedRows

if TYPE_CHECKING:
    from ..work import Learner, Work


def build(work: Work, learner: Learner, stage: Train, examples: Sequence[Example], steps: int) -> Source:
    """The source of `stage.source.kind`; `examples` are the stage's rows that have an answer, `steps` its length."""
    return FixedRows(examples, stage.batch_size, work.session.recipe.seed)
