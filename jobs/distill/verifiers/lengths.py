"""How long a text may be, and how evenly lengths are spread."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field, model_validator

from ..parts import Options, Paper
from .base import Bench, EachRow, Row, Verdict, Verifier
from .where import WHERE, Where, text_of

Unit = Literal["words", "characters", "lines", "sentences"]
UNIT: Any = Field("words", title="Measured in", description="words: runs between white space.")
ENDS = ".!?。！？"


def length(text: str, unit: Unit) -> int:
    if unit == "characters":
        return len(text)
    if unit == "lines":
        return sum(1 for line in text.splitlines() if line.strip())
    if unit == "sentences":
        following = zip(text, text[1:] + " ", strict=False)
        return sum(c in ENDS and after not in ENDS and not after.isalnum() for c, after in following)
    return len(text.split())


class BandOptions(Options):
    least: int = Field(1, ge=0, le=10_000_000, title="At least", description="Shorter texts are dropped.")
    most: int = Field(2000, ge=1, le=10_000_000, title="At most", description="Longer texts are dropped.")
    unit: Unit = UNIT
    against: Literal["nothing", "question", "gold"] = Field(
        "nothing",
        title="Relative to",
        description="question, gold: the band is in percent of that text's length (80 to 125: about as long).",
    )
    where: Where = WHERE

    @model_validator(mode="after")
    def _is_a_band(self) -> BandOptions:
        if self.least > self.most:
            raise ValueError(f"at least {self.least} is above at most {self.most}")
        return self


class LengthBand(EachRow):
    id = "length-band"
    title = "Length band"
    summary = (
        "Keeps a row when its text is neither too short nor too long, in words or against the question or right answer."
    )
    when_to_use = "Against one-word answers and endless ones. Look at the lengths on the dataset's page first."
    formula = r"a \le |y| \le b"
    Options = BandOptions

    def one(self, row: Row, options: BandOptions) -> Verdict:
        size = length(text_of(row, options.where), options.unit)
        if options.against == "nothing":
            low, high, words = float(options.least), float(options.most), ""
        else:
            base = length(text_of(row, options.against), options.unit)
            if not base:
                return Verdict(False, f"the {options.against} is empty, so there is nothing to compare the length with")
            low, high = options.least * base / 100, options.most * base / 100
            words = f" ({options.least} to {options.most} % of the {options.against})"
        if low <= size <= high:
            return Verdict(True, score=float(size))
        side = f"at least {low:,.0f} are wanted" if size < low else f"at most {high:,.0f} are allowed"
        return Verdict(False, f"{size:,} {options.unit}, {side}{words}", float(size))


class BalanceOptions(Options):
    share: float = Field(
        0.25, gt=0, le=1, title="Largest share", description="Of all rows that one range of lengths may keep."
    )
    unit: Unit = UNIT
    where: Where = WHERE


class LengthBalance(Verifier):
    id = "length-balance"
    title = "Balanced lengths"
    summary = (
        "Ranges of lengths double from one to the next; a range with more than its share loses rows, chosen by hash."
    )
    when_to_use = "When nearly all answers are equally long and the student would learn the length instead of the task."
    formula = r"|B_k| \le \lceil s\,N \rceil,\quad B_k = \{y : 2^k \le |y| < 2^{k+1}\}"
    Options = BalanceOptions
    pooled = True

    def check(self, rows: Sequence[Row], options: Any, bench: Bench) -> list[Verdict]:
        most = max(1, -int(-options.share * len(rows) // 1))
        bins: dict[int, list[int]] = {}
        for i, row in enumerate(rows):
            bins.setdefault(length(text_of(row, options.where), options.unit).bit_length(), []).append(i)
        out = [Verdict(True)] * len(rows)
        for k, members in bins.items():
            low, high = (1 << k) >> 1, (1 << k) - 1
            ranked = sorted(members, key=lambda i: hashlib.sha256(f"{bench.seed}:{rows[i].row_id}".encode()).digest())
            for i in ranked[most:]:
                out[i] = Verdict(
                    False, f"{len(members):,} rows have {low:,} to {high:,} {options.unit}; {most:,} may stay"
                )
        return out


class RepetitionOptions(Options):
    n: int = Field(3, ge=1, le=10, title="Words in a row", description="Size of the runs of words that are compared.")
    distinct: float = Field(
        0.6, ge=0, le=1, title="Distinct runs, at least", description="Different runs of words as a share of all runs."
    )
    loops: int = Field(
        5,
        ge=2,
        le=1000,
        title="Repeats in a row",
        description="A piece of up to 40 words this many times in a row drops the row.",
    )
    shortest: int = Field(
        12, ge=1, le=10_000, title="From (words)", description="Shorter texts are judged by repeats in a row alone."
    )
    where: Where = WHERE


class Repetition(EachRow):
    id = "repetition"
    title = "Degenerate text"
    summary = "Drops texts that repeat themselves: few distinct runs of words, or one piece many times in a row."
    when_to_use = "Always after a small or sampled writer: loops are its commonest failure."
    formula = r"\mathrm{distinct}_n(y) = \frac{|\{\text{runs of } n \text{ words}\}|}{\#\,\text{runs of } n \text{ words}} \ge \tau"
    paper = Paper(
        title="A Diversity-Promoting Objective Function for Neural Conversation Models",
        authors="Li, Galley, Brockett, Gao, Dolan", year=2016, venue="NAACL",
        url="https://arxiv.org/abs/1510.03055", arxiv="1510.03055",
    )  # fmt: skip
    Options = RepetitionOptions

    def one(self, row: Row, options: RepetitionOptions) -> Verdict:
        words = text_of(row, options.where).casefold().split()[:20_000]
        if found := loop(words, options.loops):
            piece, times = found
            return Verdict(False, f"“{' '.join(piece)[:60]}” stands there {times} times in a row", 0.0)
        share = distinct(words, options.n)
        if len(words) >= options.shortest and share < options.distinct:
            reason = (
                f"{share:.0%} of its runs of {options.n} words are distinct, at least {options.distinct:.0%} are wanted"
            )
            return Verdict(False, reason, share)
        return Verdict(True, score=share)


def distinct(words: Sequence[str], n: int) -> float:
    """Different runs of n words over all of them; 1 for a text without a run."""
    runs = [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]
    return len(set(runs)) / len(runs) if runs else 1.0


def loop(words: Sequence[str], times: int, longest: int = 40) -> tuple[Sequence[str], int] | None:
    """The first piece of at most `longest` words that stands `times` times in a row or more, and how often it does."""
    for size in range(1, min(longest, len(words) // times) + 1):
        run = 0  # words that equal the word `size` before them
        for i in range(size, len(words)):
            run = run + 1 if words[i] == words[i - size] else 0
            if run >= size * (times - 1):
                start = i - run - size + 1
                end = i
                while end + 1 < len(words) and words[end + 1] == words[end + 1 - size]:
                    end += 1
                return words[start : start + size], (end - start + 1) // size
    return None
