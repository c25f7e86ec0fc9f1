"""Where the rows of a training stage come from, step by step."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from .base import Curve, Strict
from .teaching import Member


class Source(Strict):
    """Rows of the data, the student's own answers, a mixture, or preference pairs."""

    kind: Literal["fixed", "student", "mixed", "pairs"] = Field(
        "fixed",
        title="Rows come from",
        description="fixed: the data. student: answers the student writes during training (on-policy). mixed: both. "
        "pairs: a chosen and a rejected answer for each prompt.",
    )
    share: float | Curve = Field(
        0.5,
        title="Share of the student's answers",
        description="For mixed: the chance that a row is answered by the student.",
    )
    window: int = Field(
        8,
        ge=1,
        le=100_000,
        title="Window (steps)",
        description="Answers are written for so many steps at a time; 1 is strictly on-policy.",
    )
    samples: int = Field(
        1,
        ge=1,
        le=64,
        title="Answers a prompt",
        description="More than one makes a group, whose rewards or densities are compared. For demonstrations: sets a row.",
    )
    max_new_tokens: int = Field(64, ge=1, le=32768, title="Longest answer (tokens)")
    temperature: float = Field(
        1.0, ge=0, le=5, title="Sampling temperature", description="1: the student's own distribution. 0: greedy."
    )
    replay: int = Field(
        0,
        ge=0,
        le=10_000_000,
        title="Replay buffer (rows)",
        description="Keeps the latest answers and uses them again (DistiLLM); 0: each is used once.",
    )
    fresh: float | Curve = Field(
        1.0,
        title="Share of new answers",
        description="With a replay buffer: the chance that a student's answer is a new one.",
    )
    correct: bool = Field(
        False,
        title="Correct the first error",
        description="The first token the teacher finds wrong is replaced by the teacher's and the rest is written again (MGSR).",
    )
    wrong_below: float = Field(
        0.1,
        gt=0,
        lt=1,
        title="Wrong below",
        description="For correction: a token is wrong when the teacher gives it less than this share of its likeliest token's probability.",
    )
    reward: Literal["none", "exact_match", "numeric_match", "tool_calls", "model"] = Field(
        "none",
        title="Reward",
        description="Checks each of the student's answers against the gold one; for policy-gradient terms. tool_calls: 1 for the right "
        "calls, less by their worst error, -1 for calls that cannot be read. model: the reward "
        "model of an earlier stage, which needs no gold answer.",
    )
    reward_model: str = Field(
        "reward",
        min_length=1,
        max_length=80,
        title="Reward model",
        description="For the reward model: name of the stage that trained it, on the learner's own weights.",
    )
    kl_bound: float | None = Field(
        None,
        gt=0,
        le=1000,
        title="Bound on the KL",
        description="Nats a token. While the answers of a window lie further than this from the teacher on average, they are "
        "rewarded for nearness alone. Needs a term that reads the teacher beside the reward, such as kl-estimate.",
    )
    pairs: Literal["columns", "teacher_over_student", "density_ratio", "ranked", "best_over_rest", "demonstrations"] = (
        Field(
            "columns",
            title="Pairs are",
            description="columns: chosen and rejected answers of the data. teacher_over_student: the answer a row is trained on (the teacher's "
            "where it wrote one, else the gold one) over the student's own. density_ratio: of the student's answers the one with the largest "
            "log p(strong) - log p(weak) over the one with the smallest. ranked: the data's whole list of answers, best first. "
            "best_over_rest: the best of that list over one of the others. demonstrations: one answer under several sets of examples.",
        )
    )
    strong: Member = Field(
        Member(), title="Strong model", description="For density_ratio: whose log-probability speaks for an answer."
    )
    weak: Member = Field(
        Member(kind="base", name="base"),
        title="Weak model",
        description="For density_ratio: whose log-probability speaks against an answer; base is the learner without its adapter.",
    )
    shots: int = Field(
        2,
        ge=1,
        le=32,
        title="Examples a set",
        description="For demonstrations: answered rows put before the question, drawn anew for each set.",
    )
