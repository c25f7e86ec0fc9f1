"""Selections of rows, by id."""

from __future__ import annotations

from ...parts import Described
from ...selection.base import Selection
from ...selection.branches import Branches
from ...selection.coreset import KCenter, Quantization
from ...selection.difference import Difference
from ...selection.gap import DomainGap
from ...selection.informative import Everything, Informative
from ...selection.llkd import TeacherSureStudentNot
from ...selection.perplexity import Perplexity

METHODS: dict[str, type[Selection]] = {
    part.id: part
    for part in (
        Difference, Perplexity, TeacherSureStudentNot, DomainGap, Quantization, KCenter, Informative, Everything,
        Branches,
    )
}  # fmt: skip

SELECTIONS: dict[str, type[Described]] = dict(METHODS)
