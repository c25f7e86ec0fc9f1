"""Ways of answering with a finished student, by id. Light: no torch."""

from __future__ import annotations

from ...decoding.base import Way
from ...decoding.chain import DecomposeSolve, GenerateCorrect, ProposeAggregate
from ...decoding.look_up import LookUp
from ...decoding.paths import OnePath, Vote
from ...decoding.tools import WithTools
from ...parts import Described

_ALL: tuple[type[Way], ...] = (OnePath, DecomposeSolve, Vote, ProposeAggregate, GenerateCorrect, LookUp, WithTools)

WAYS: dict[str, type[Way]] = {part.id: part for part in _ALL}

DECODING: dict[str, type[Described]] = dict(WAYS)
