"""Rows by how a model reads their answers: neither garbage nor known by heart, sure for the teacher, new to the student."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from pydantic import Field, model_validator

from ..parts import Options, Paper
from ..selection.base import Read
from .base import Bench, Row, Verdict, Verifier

UNREAD = Verdict(False, "the model could not read it: there is no answer, or it is too long")


def percentile(values: Sequence[float], share: float) -> float:
    """The value at this percentile (0 to 100), with straight lines between ranks."""
    ranked = sorted(values)
    place = (len(ranked) - 1) * share / 100
    low = int(place)
    high = min(low + 1, len(ranked) - 1)
    return ranked[low] + (ranked[high] - ranked[low]) * (place - low)


class BandOptions(Options):
    by: Literal["percentile", "value"] = Field(
        "percentile",
        title="Limits are",
        description="percentile: of these rows' perplexities. value: perplexities.",
    )
    least: float = Field(5, ge=0, le=1e9, title="From", description="Below it the model knows the text by heart.")
    most: float = Field(95, ge=0, le=1e9, title="To", description="Above it the text is likely garbage.")
    reader: Literal["teacher", "student", "base"] = Field(
        "base", title="Who reads", description="base: the student without its adapter."
    )

    @model_validator(mode="after")
    def _is_a_band(self) -> BandOptions:
        if self.least >= self.most:
            raise ValueError(f"from {self.least:g} is not below to {self.most:g}")
        if self.by == "percentile" and self.most > 100:
            raise ValueError(f"percentiles end at 100, to is {self.most:g}")
        return self


class PerplexityBand(Verifier):
    id = "perplexity-band"
    title = "Perplexity band"
    summary = "Keeps answers whose perplexity under a model lies within limits, given or at percentiles of the rows."
    when_to_use = "Against broken texts and against those everybody knows, where no other check applies."
    formula = r"a \le \exp\Bigl(-\tfrac{1}{|y|}\sum_n \log p(y_n \mid x, y_{<n})\Bigr) \le b"
    paper = Paper(
        title="When Less is More: Investigating Data Pruning for Pretraining LLMs at Scale",
        authors="Marion, Üstün, Pozzobon, Wang, Fadaee, Hooker", year=2023,
        url="https://arxiv.org/abs/2309.04564", arxiv="2309.04564",
    )  # fmt: skip
    Options = BandOptions
    pooled = True
    needs = frozenset({"reference"})

    def check(self, rows: Sequence[Row], options: Any, bench: Bench) -> list[Verdict]:
        reads = bench.read(options.reader, rows)
        values = [r.perplexity for r in reads.values()]
        low, high = options.least, options.most
        if options.by == "percentile" and values:
            low, high = percentile(values, low), percentile(values, high)
            bench.note(f"Perplexities from {low:.3g} to {high:.3g} are kept.")
        out = []
        for row in rows:
            read = reads.get(row.row_id)
            out.append(UNREAD if read is None else _within(read.perplexity, low, high))
        return out


def _within(value: float, low: float, high: float) -> Verdict:
    if low <= value <= high:
        return Verdict(True, score=value)
    return Verdict(False, f"perplexity {value:.3g}, {low:.3g} to {high:.3g} are kept", value)


class NeedOptions(Options):
    sure: float = Field(
        0.5, ge=0, le=1, title="Quantile of the teacher's confidence",
        description="Rows below it are dropped. 0.5: the surer half stays. 0: the teacher is not looked at.",
    )  # fmt: skip
    unsure: float = Field(
        0.5, ge=0, le=1, title="Quantile of the student's uncertainty",
        description="Rows below it are dropped. 0: the student is not looked at.",
    )  # fmt: skip


class SureAndNeeded(Verifier):
    id = "sure-and-needed"
    title = "Sure teacher, unsure student"
    summary = "Keeps answers the teacher is confident of and the student is uncertain about, by quantiles of the rows."
    when_to_use = "Nobody knows the right answers, the teacher is at times wrong, and the budget of training is small."
    formula = r"c_T(x) \ge Q_a(c_T) \;\wedge\; H_S(x) \ge Q_b(H_S)"
    paper = Paper(
        title="Learning with Less: Knowledge Distillation from Large Language Models via Unlabeled Data",
        authors="Li, Nag, Liu and others", year=2024, url="https://arxiv.org/abs/2411.08028", arxiv="2411.08028",
    )  # fmt: skip
    Options = NeedOptions
    pooled = True
    needs = frozenset({"teacher", "reference"})

    def check(self, rows: Sequence[Row], options: Any, bench: Bench) -> list[Verdict]:
        sure = _values(bench, "teacher", rows, "confidence") if options.sure else None
        unsure = _values(bench, "student", rows, "entropy") if options.unsure else None
        least_sure = percentile(list(sure.values()), 100 * options.sure) if sure else 0.0
        least_unsure = percentile(list(unsure.values()), 100 * options.unsure) if unsure else 0.0
        out = []
        for row in rows:
            c = 1.0 if sure is None else sure.get(row.row_id)
            h = 0.0 if unsure is None else unsure.get(row.row_id)
            if c is None or h is None:
                out.append(UNREAD)
            elif c < least_sure:
                out.append(Verdict(False, f"the teacher's confidence is {c:.3g}, {least_sure:.3g} is wanted", c))
            elif h < least_unsure:
                out.append(Verdict(False, f"the student's entropy is {h:.3g}, {least_unsure:.3g} is wanted", h))
            else:
                out.append(Verdict(True, score=c * h if sure and unsure else h if unsure else c))
        return out


def _values(bench: Bench, who: str, rows: Sequence[Row], what: str) -> Mapping[str, float]:
    return {id: float(getattr(read, what)) for id, read in bench.read(who, rows).items()}


class DifficultyOptions(Options):
    least: float = Field(
        50, ge=0, le=100, title="From (percentile)", description="Of the difficulty; easier rows are dropped."
    )
    most: float = Field(
        1.0, gt=0, le=10, title="At most", description="From 1 on the question makes the answer less likely: they do not belong together."
    )  # fmt: skip
    reader: Literal["teacher", "student", "base"] = Field("student", title="Who reads")


class InstructionDifficulty(Verifier):
    id = "instruction-difficulty"
    title = "Instruction-following difficulty"
    summary = (
        "How little the question helps a model to say the answer: rows in the upper part are kept, misfits dropped."
    )
    when_to_use = "Many instruction rows, a budget for few: those whose answer the student cannot guess from the question teach most."
    formula = r"\mathrm{IFD}(x, y) = \frac{\mathrm{PPL}(y \mid x)}{\mathrm{PPL}(y)}"
    paper = Paper(
        title="From Quantity to Quality: Boosting LLM Performance with Self-Guided Data Selection for Instruction Tuning",
        authors="Li, Zhang, Li, Chen, Chen, Cheng, Wang, Zhou, Xiao", year=2024, venue="NAACL",
        url="https://arxiv.org/abs/2308.12032", arxiv="2308.12032",
    )  # fmt: skip
    Options = DifficultyOptions
    pooled = True
    needs = frozenset({"reference"})

    def check(self, rows: Sequence[Row], options: Any, bench: Bench) -> list[Verdict]:
        asked = bench.read(options.reader, rows)
        alone = bench.read(options.reader, [under(r, NO_QUESTION) for r in rows])
        found = {id: ratio(asked[id], alone[id]) for id in asked if id in alone}
        usual = [v for v in found.values() if v < options.most]
        low = percentile(usual, options.least) if usual else 0.0
        out = []
        for row in rows:
            value = found.get(row.row_id)
            if value is None:
                out.append(UNREAD)
            elif value >= options.most:
                out.append(Verdict(False, f"the question makes the answer less likely ({value:.2f} times)", value))
            else:
                out.append(Verdict(value >= low, f"difficulty {value:.3f}, from {low:.3f} on rows are kept", value))
        return out


NO_QUESTION = ({"role": "user", "content": " "},)


def under(row: Any, turns: tuple[dict[str, str], ...]) -> Any:
    """The row with the same answer under other turns."""
    return replace(row, messages=turns)


def ratio(asked: Read, alone: Read) -> float:
    return asked.perplexity / alone.perplexity
