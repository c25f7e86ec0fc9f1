"""Verifiers of rows, by id. Light: no torch."""

from __future__ import annotations

from ...parts import Described
from ...verifiers.agreement import Majority, MinimumBayesRisk
from ...verifiers.base import Verifier
from ...verifiers.copies import Contamination, NearDuplicates
from ...verifiers.exact import ExactMatch
from ...verifiers.finish import Finished
from ...verifiers.languages import Language
from ...verifiers.lengths import LengthBalance, LengthBand, Repetition
from ...verifiers.numeric import Numeric
from ...verifiers.patterns import Pattern
from ...verifiers.sections import Sections
from ...verifiers.sets import SetMatch
from ...verifiers.structured import JsonSchema
from ...verifiers.wording import Contains, EveryFact, Grounded, LabelInSet

VERIFYING: dict[str, type[Verifier]] = {
    part.id: part
    for part in (
        ExactMatch, Numeric, SetMatch, LabelInSet, JsonSchema, Pattern, Sections, Contains, EveryFact, Grounded, Finished,
        LengthBand, LengthBalance, Repetition, Language, NearDuplicates, Contamination, Majority, MinimumBayesRisk,
    )
}  # fmt: skip

VERIFIERS: dict[str, type[Described]] = dict(VERIFYING)
