"""Writers of rows, by id. Light: no torch."""

from __future__ import annotations

from ...parts import Described
from ...writers.answers import Answers
from ...writers.base import Writer
from ...writers.rationale import Rationale
from .input_writers import INPUTS
from .loop_writers import LOOPING
from .reasoning_writers import REASONING

_ALL: tuple[type[Writer], ...] = (Answers, Rationale, *INPUTS, *REASONING, *LOOPING)

WRITING: dict[str, type[Writer]] = {part.id: part for part in _ALL}

WRITERS: dict[str, type[Described]] = dict(WRITING)
