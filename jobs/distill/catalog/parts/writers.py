"""Writers of rows, by id. Light: no torch."""

from __future__ import annotations

from ...parts import Described
from ...writers.answers import Answers
from ...writers.base import Writer
from ...writers.rationale import Rationale

WRITING: dict[str, type[Writer]] = {part.id: part for part in (Answers, Rationale)}

WRITERS: dict[str, type[Described]] = dict(WRITING)
