"""Verifiers of rows, by id. Light: no torch."""

from __future__ import annotations

from ...parts import Described
from ...verifiers.agreement import Majority, MinimumBayesRisk
from ...verifiers.bands import InstructionDifficulty, PerplexityBand, SureAndNeeded
from ...verifiers.base import Verifier
from ...verifiers.by_kind import RightByKind
from ...verifiers.contradictions import Contradictions
from ...verifiers.copies import Contamination, NearDuplicates
from ...verifiers.critic import Critic
from ...verifiers.exact import ExactMatch
from ...verifiers.finish import Finished
from ...verifiers.judge import Judge
from ...verifiers.languages import Language
from ...verifiers.lengths import LengthBalance, LengthBand, Repetition
from ...verifiers.numeric import Numeric
from ...verifiers.patterns import Pattern
from ...verifiers.programs import Calculations, ProgramResult, UnitTests
from ...verifiers.prompt_quality import RejectedQuality
from ...verifiers.rewarded import PseudoReward, RewardScore
from ...verifiers.sections import Sections
from ...verifiers.sets import SetMatch
from ...verifiers.structured import JsonSchema
from ...verifiers.student_need import InContextGain, PassRate
from ...verifiers.wording import Contains, EveryFact, Grounded, LabelInSet

VERIFYING: dict[str, type[Verifier]] = {
    part.id: part
    for part in (
        ExactMatch, Numeric, SetMatch, LabelInSet, JsonSchema, Pattern, Sections, Contains, EveryFact, Grounded, Finished,
        LengthBand, LengthBalance, Repetition, Language, NearDuplicates, Contradictions, Contamination, Majority, MinimumBayesRisk,
        ProgramResult, UnitTests, Calculations, RightByKind,
        Judge, Critic, PerplexityBand, SureAndNeeded, InstructionDifficulty, PassRate, InContextGain, RejectedQuality,
        PseudoReward, RewardScore,
    )
}  # fmt: skip

VERIFIERS: dict[str, type[Described]] = dict(VERIFYING)
