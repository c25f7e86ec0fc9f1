"""Answers preferred by what a check says, and by a score: earlier checks, likeness to the other answers, a reward model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field, JsonValue, ValidationError

from ..errors import RecipeInvalid
from ..parts import Options, Paper
from ..verifiers.agreement import agreement
from ..verifiers.base import Bench, Row
from .base import Group, Preferred, Rule
from .scoring import NONE_SCORED, checked, distinct, none, pair, said, writer_of


class VerifiedOptions(Options):
    check: str = Field(
        "numeric",
        min_length=1,
        max_length=80,
        title="Check",
        description="Id of a verifier; it is run on every answer.",
    )
    options: dict[str, JsonValue] = Field(default_factory=dict, title="Options of the check")
    most: int = Field(
        1, ge=1, le=64, title="Pairs a question", description="Different right over different wrong ones."
    )
    right_from: str = Field(
        "", max_length=80, title="Right answers of", description="Only those this writer wrote. Empty: anybody."
    )
    wrong_from: str = Field("", max_length=80, title="Wrong answers of")


class VerifiedOverFailed(Rule):
    id = "verified-over-failed"
    title = "Verified over failed"
    summary = "An answer that passes a check is chosen over one to the same question that fails it."
    when_to_use = "Answers can be checked, such as sums and programs, and the writer is sometimes wrong."
    formula = r"y_c : v(x, y_c) = 1,\quad y_r : v(x, y_r) = 0"
    paper = Paper(
        title="Iterative Reasoning Preference Optimization", authors="Pang, Yuan, Cho, He, Sukhbaatar, Weston", year=2024,
        venue="NeurIPS", url="https://arxiv.org/abs/2404.19733", arxiv="2404.19733",
    )  # fmt: skip
    Options = VerifiedOptions

    def prefer(self, groups: Sequence[Group], options: Any, bench: Bench) -> list[list[Preferred]]:
        """Raises RecipeInvalid for an unknown check or a wrong option of it."""
        part, settings = _verifier(options)
        rows = [distinct(g.rows) for g in groups]
        flat = [r for several in rows for r in several]
        verdicts = iter(part.check(flat, settings, bench))
        out = []
        for several in rows:
            passed = [next(verdicts).ok for _ in several]
            good = [r for r, ok in zip(several, passed, strict=True) if ok and options.right_from in ("", writer_of(r))]
            bad = [r for r, ok in zip(several, passed, strict=True) if not ok and options.wrong_from in ("", writer_of(r))]  # fmt: skip
            out.append(_verified(good, bad, options.most))
        return out


def _verifier(options: VerifiedOptions) -> tuple[Any, Any]:
    from ..catalog.parts.verifiers import VERIFYING

    if options.check not in VERIFYING:
        raise RecipeInvalid(
            f"There is no check {options.check!r}.", field="options.check", hint=f"One of {', '.join(VERIFYING)}."
        )
    part = VERIFYING[options.check]()
    try:
        return part, part.Options.model_validate(options.options)
    except ValidationError as e:
        err = e.errors(include_url=False)[0]
        field = ".".join(["options.options", *map(str, err["loc"])])
        raise RecipeInvalid(
            f"{options.check}, {field}: {err['msg'].removeprefix('Value error, ')}.", field=field
        ) from e


def _verified(good: list[Row], bad: list[Row], most: int) -> list[Preferred]:
    if not good:
        return none("no answer passes the check")
    if not bad:
        return none("every answer passes the check")
    both = [(a, b) for k in range(max(len(good), len(bad))) for a, b in zip(good, bad[k:] + bad[:k], strict=False)]
    once = {(said(a), said(b)): (a, b) for a, b in both}
    return [pair(a, b, (1.0, 0.0)) for a, b in list(once.values())[:most]]


class ScoreOptions(Options):
    score: str = Field(
        "mbr",
        min_length=1,
        max_length=80,
        title="Score",
        description="Id of an earlier check whose score counts (rows marked or kept); mbr: likeness to the other answers; "
        "reward-model: the reward model named below.",
    )
    reward: str = Field(
        "reward", min_length=1, max_length=80, title="Reward model", description="Stage that trained it."
    )
    similarity: Literal["words", "cosine", "rouge-l"] = Field("words", title="Likeness", description="For mbr.")
    form: Literal["pair", "list"] = Field(
        "pair", title="Makes", description="pair: the best over the worst. list: all answers, best first."
    )
    sources: Literal["any", "same"] = Field(
        "any", title="Sides come from", description="same: both sides of a pair are of one writer, the one of the best answer that has two."
    )  # fmt: skip
    least_gap: float = Field(0.0, ge=0, le=1e9, title="Least gap", description="Between best and worst.")


class ByScore(Rule):
    id = "by-score"
    title = "Best over worst by score"
    summary = "Answers are ordered by a score: of an earlier check, of likeness to the others, or of a reward model."
    when_to_use = "Several answers to each question and something that can tell better from worse ones."
    formula = r"y_c = \mathrm{argmax}_k s(y_k),\quad y_r = \mathrm{argmin}_k s(y_k)"
    paper = Paper(
        title="FuseChat-3.0: Preference Optimization Meets Heterogeneous Model Fusion",
        authors="Yang, Wan, Zhong, Huang, Liang, Quan", year=2025, url="https://arxiv.org/abs/2503.04222",
        arxiv="2503.04222",
    )  # fmt: skip
    Options = ScoreOptions

    def prefer(self, groups: Sequence[Group], options: Any, bench: Bench) -> list[list[Preferred]]:
        rows = [distinct(g.rows) for g in groups]
        rewards = bench.reward(options.reward, [r for s in rows for r in s]) if options.score == "reward-model" else {}
        out, why = [], Counter[str]()
        for several in rows:
            if options.score == "mbr":
                scores: list[float | None] = list(agreement([said(r) for r in several], options.similarity))
            elif options.score == "reward-model":
                scores = [rewards.get(r.row_id) for r in several]
            else:
                scores = [checked(r, options.score) for r in several]
            known = [(s, r) for s, r in zip(scores, several, strict=True) if s is not None]
            out.append(ordered(known, options))
            why.update([out[-1][0].why] if out[-1][0].why else [])
        if why[NONE_SCORED]:
            bench.note(f"{why[NONE_SCORED]:,} questions have no answer with a score by {options.score}.", "warning")
        return out


def ordered(known: Sequence[tuple[float, Row]], options: ScoreOptions) -> list[Preferred]:
    """A pair or a list of scored answers; equal scores keep their order and make no pair."""
    if not known:
        return none(NONE_SCORED)
    ranked = sorted(known, key=lambda k: -k[0])
    if options.sources == "same":
        count = Counter(writer_of(r) for _, r in ranked)
        of = next((writer_of(r) for _, r in ranked if count[writer_of(r)] > 1), None)
        if of is None:
            return none("no writer has two different answers")
        ranked = [k for k in ranked if writer_of(k[1]) == of]
    if len(ranked) < 2:
        return none("there is one answer alone")
    (high, best), (low, worst) = ranked[0], ranked[-1]
    if high == low:
        return none("all answers score the same")
    if high - low < options.least_gap:
        return none(f"best and worst are {high - low:.4g} apart, {options.least_gap:.4g} is wanted")
    if options.form == "pair":
        return [pair(best, worst, (high, low))]
    texts = tuple(said(r) for _, r in ranked)
    return [Preferred(texts, tuple(s for s, _ in ranked), sources=tuple(writer_of(r) for _, r in ranked))]
