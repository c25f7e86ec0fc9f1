"""A model judges each answer against a rubric: one judge or several, one vote or many, set right by human votes."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean, pvariance
from typing import Any, Literal

from pydantic import Field, model_validator

from ..errors import DataRefused
from ..judging.asking import How, Judged, score
from ..judging.calibration import FEWEST, calibrate
from ..judging.wording import RUBRIC
from ..parts import Options, Paper
from .base import Bench, Row, Verdict, Verifier, asked, gold_of, written

RUBRIC_FIELD: Any = Field(
    RUBRIC, min_length=1, max_length=20_000, title="Rubric", description="What the judge looks at."
)


class JudgeOptions(Options):
    rubric: str = RUBRIC_FIELD
    low: float = Field(1, ge=-1000, le=1000, title="Lowest score")
    high: float = Field(10, ge=-1000, le=1000, title="Highest score")
    least: float = Field(6, ge=-1000, le=1000, title="Accept from", description="Mean score a row needs to be kept.")
    judges: list[str] = Field(
        default_factory=list,
        max_length=8,
        title="Judges",
        description="Names of the recipe's teachers, or student. Empty: who the check says is asked.",
    )
    votes: int = Field(
        1, ge=1, le=64, title="Votes a judge", description="More than one needs a temperature above 0 to differ."
    )
    combine: Literal["mean", "median"] = Field("mean", title="Votes are combined by")
    reference: bool = Field(
        False, title="Show the right answer", description="Where the row has one, the judge sees it."
    )
    calibrate: Literal["no", "affine", "isotonic"] = Field(
        "no",
        title="Calibrate on human votes",
        description="Scores are mapped to what people said, fitted on the rows that have a vote. affine: a straight line. "
        "isotonic: any rising steps; needs more votes.",
    )
    votes_field: str = Field(
        "vote", max_length=80, title="Field with the human vote", description="A number on the judge's scale."
    )
    tries: int = Field(
        2,
        ge=1,
        le=5,
        title="Tries",
        description="A reply that is not in the form is asked for again, then the row fails.",
    )
    temperature: float = Field(0.0, ge=0, le=5, title="Sampling temperature")
    max_new_tokens: int = Field(300, ge=1, le=8192, title="Longest reply (tokens)")

    @model_validator(mode="after")
    def _is_a_scale(self) -> JudgeOptions:
        if self.low >= self.high:
            raise ValueError(f"the lowest score {self.low:g} is not below the highest {self.high:g}")
        if not self.low <= self.least <= self.high:
            raise ValueError(f"accept from {self.least:g} lies outside the scale {self.low:g} to {self.high:g}")
        if self.votes > 1 and self.temperature == 0:
            raise ValueError("several votes at temperature 0 are one vote many times; raise the temperature")
        return self


class Judge(Verifier):
    id = "judge"
    title = "A model judges"
    summary = (
        "A judge scores each answer against a rubric; rows below a score are dropped. Replies out of form never count."
    )
    when_to_use = (
        "No rule can tell a good answer, such as for open questions. Read some verdicts before you trust them."
    )
    formula = r"s(x, y) = \frac{1}{JK} \sum_{j,k} s_{jk}(x, y) \ge \tau"
    paper = Paper(
        title="Judging LLM-as-a-Judge with MT-Bench and Chatbot Arena",
        authors="Zheng, Chiang, Sheng, Zhuang, Wu, Zhuang, Lin, Li, Li, Xing, Zhang, Gonzalez, Stoica", year=2023,
        venue="NeurIPS", url="https://arxiv.org/abs/2306.05685", arxiv="2306.05685",
    )  # fmt: skip
    Options = JudgeOptions
    needs = frozenset({"judge"})

    def check(self, rows: Sequence[Row], options: Any, bench: Bench) -> list[Verdict]:
        """A row whose every vote is unreadable fails with the reason; it never gets a score."""
        judges = options.judges or ["judge"]
        about = [(asked(r), written(r), gold_of(r) if options.reference else None) for r in rows]
        how = How(options.max_new_tokens, options.temperature, options.tries)
        judged = score(bench, judges, about, options.rubric, options.low, options.high, options.votes, how)
        _told(judged, len(judges) * options.votes, bench)
        values = [getattr(j, options.combine) if j.scores else None for j in judged]
        if options.calibrate != "no":
            values = _calibrated(rows, values, options, bench)
        return [_verdict(j, v, options) for j, v in zip(judged, values, strict=True)]


def _verdict(judged: Judged, value: float | None, options: JudgeOptions) -> Verdict:
    if value is None:
        return Verdict(False, f"flagged: no reply of the judge could be read ({judged.unread[0]})")
    reason = f"the judge says {value:.2f}: {judged.reasons[0]}"
    return Verdict(value >= options.least, reason, value)


def _told(judged: Sequence[Judged], votes: int, bench: Bench) -> None:
    """Notes what the votes were worth: unreadable ones, and how much less the mean varies than one vote."""
    lost = sum(len(j.unread) for j in judged)
    if lost:
        bench.note(f"{lost:,} of {votes * len(judged):,} votes could not be read and count for nothing.", "warning")
    several = [j.scores for j in judged if len(j.scores) > 1]
    if several:
        one = fmean(pvariance(s) * len(s) / (len(s) - 1) for s in several)
        mean = fmean(pvariance(s) / (len(s) - 1) for s in several)
        bench.note(f"Votes on one answer have a variance of {one:.4g}; their mean has {mean:.4g}.")


def _calibrated(
    rows: Sequence[Row], values: Sequence[float | None], options: JudgeOptions, bench: Bench
) -> list[float | None]:
    known = [
        (v, float(vote))
        for row, v in zip(rows, values, strict=True)
        if v is not None
        and isinstance(vote := row.fields.get(options.votes_field), (int, float))
        and options.low <= vote <= options.high
    ]
    if len(known) < FEWEST:
        raise DataRefused(
            f"{len(known)} of {len(rows):,} rows have a human vote from {options.low:g} to {options.high:g} in the field "
            f"{options.votes_field!r}; {FEWEST} are needed to calibrate the judge.",
            field="verify",
            hint="Review some rows first, name the field that holds the votes, or switch calibration off.",
        )
    fitted = calibrate([k[0] for k in known], [k[1] for k in known], options.calibrate)  # type: ignore[arg-type]
    bench.note(f"The judge is {fitted.words}.", "info" if fitted.after <= fitted.before else "warning")
    return [None if v is None else min(options.high, max(options.low, fitted.apply(v))) for v in values]
