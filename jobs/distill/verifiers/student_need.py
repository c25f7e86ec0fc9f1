"""What the student needs: questions it often gets wrong, and examples that help it in context."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field

from ..asking.request import Request
from ..errors import DataRefused
from ..parts import Options, Paper
from .bands import UNREAD, under
from .base import NO_GOLD, Bench, Row, Verdict, Verifier, gold_of, need_gold, parent_of, written


class PassRateOptions(Options):
    least: float = Field(0.0, ge=0, le=1, title="From", description="Share of right answers a question must have.")
    below: float = Field(
        1.0, gt=0, le=1.01, title="Below", description="Questions answered rightly this often or more are dropped."
    )
    samples: int = Field(4, ge=1, le=64, title="Answers a question")
    temperature: float = Field(0.8, ge=0, le=5, title="Sampling temperature")
    match: Literal["exact_match", "numeric_match", "rouge_l"] = Field("numeric_match", title="Right means")
    who: str = Field("student", min_length=1, max_length=40, title="Who answers")
    max_new_tokens: int = Field(256, ge=1, le=32768, title="Longest answer (tokens)")


class PassRate(Verifier):
    id = "pass-rate"
    title = "How often the student is right"
    summary = "The student answers each question several times; rows are kept by the share of right answers."
    when_to_use = "Before a second, harder stage: what the student can do already teaches it nothing more."
    formula = r"a \le \frac{1}{K} \sum_k \mathbb{1}[\hat{y}_k = y] < b,\quad \hat{y}_k \sim q(\cdot \mid x)"
    paper = Paper(
        title="Light-R1: Curriculum SFT, DPO and RL for Long COT from Scratch and Beyond",
        authors="Wen, Cai, Xiao, He, An, Duan, Du, Liu, Tang, Lv, Zou, Deng, Jia, Zhang", year=2025,
        url="https://arxiv.org/abs/2503.10460", arxiv="2503.10460",
    )  # fmt: skip
    Options = PassRateOptions
    needs = frozenset({"gold", "student"})

    def check(self, rows: Sequence[Row], options: Any, bench: Bench) -> list[Verdict]:
        from ..scores import METRICS  # here: numpy is not loaded with the catalogue

        need_gold(rows, self.title)
        known = [i for i, row in enumerate(rows) if gold_of(row) is not None]
        asked = [
            Request(
                rows[i].messages, options.max_new_tokens, options.temperature if options.samples > 1 else 0.0,
                number=k, seed=bench.seed,
            )
            for i in known
            for k in range(options.samples)
        ]  # fmt: skip
        said = bench.ask(options.who, asked)
        out, one = [NO_GOLD] * len(rows), METRICS[options.match]
        for n, i in enumerate(known):
            mine = said[n * options.samples : (n + 1) * options.samples]
            rate = sum(r.ok and one(r.text, gold_of(rows[i]) or "") >= 0.5 for r in mine) / len(mine)
            ok = options.least <= rate < options.below
            why = "" if ok else f"{options.who} is right {rate:.0%} of the time"
            out[i] = Verdict(ok, why, rate)
        return out


class InContextOptions(Options):
    probes: int = Field(
        4, ge=1, le=64, title="Probes", description="Other questions with a right answer that the example is tried on."
    )
    least: float = Field(
        -1e9, ge=-1e9, le=1e9, title="From", description="Gain in nats a token; rows below are dropped."
    )
    who: Literal["student", "base"] = Field("student", title="Who reads")


class InContextGain(Verifier):
    id = "in-context-gain"
    title = "Help in context"
    summary = "Each text is shown to the student as an example; its score is how much likelier right answers to other questions become."
    when_to_use = (
        "To learn which of the teacher's drafts this student learns best from; the scores make preference pairs."
    )
    formula = r"s(e) = \frac{1}{|P|} \sum_{(x, y) \in P} \frac{\log q(y \mid e, x) - \log q(y \mid x)}{|y|}"
    paper = Paper(
        title="Aligning Teacher with Student Preferences for Tailored Training Data Generation",
        authors="Liu, Zhang, Yao, Cao, Hou, Li", year=2024, url="https://arxiv.org/abs/2406.19227",
        arxiv="2406.19227",
    )  # fmt: skip
    Options = InContextOptions
    pooled = True
    needs = frozenset({"gold", "reference"})

    def check(self, rows: Sequence[Row], options: Any, bench: Bench) -> list[Verdict]:
        """All texts of one question meet the same probes, never one of their own question. Raises DataRefused where fewer
        than two questions have a right answer."""
        pool = _probes(rows)
        if len(pool) < 2:
            raise DataRefused(
                f"The student is tried on other questions with a right answer; {len(pool)} of these rows' questions has one.",
                field="verify",
                hint="Write from labelled rows, two at least.",
            )
        asked = list[Any]()
        places = list[tuple[int, str]]()  # (row, probe)
        for i, row in enumerate(rows):
            for probe in _drawn(pool, parent_of(row), options.probes, bench.seed):
                shown = ({**row.messages[-1]}, {"role": "assistant", "content": written(row)})
                asked.append(_as_probe(pool[probe], f"{i}:{probe}", shown))
                places.append((i, probe))
        plain = bench.read(options.who, [_as_probe(row, id, ()) for id, row in pool.items()])
        with_it = bench.read(options.who, asked)
        gains: dict[int, list[float]] = {}
        for i, probe in places:
            before, after = plain.get(probe), with_it.get(f"{i}:{probe}")
            if before is not None and after is not None:
                gains.setdefault(i, []).append(before.per_token - after.per_token)
        return [_verdict(gains.get(i), options.least) for i in range(len(rows))]


def _probes(rows: Sequence[Row]) -> dict[str, Row]:
    """One row with a right answer for each question, by the question's id."""
    out: dict[str, Row] = {}
    for row in rows:
        if gold_of(row) is not None:
            out.setdefault(parent_of(row), row)
    return out


def _drawn(pool: dict[str, Row], without: str, count: int, seed: int) -> list[str]:
    ranked = sorted(
        (id for id in pool if id != without), key=lambda id: hashlib.sha256(f"{seed}:{without}:{id}".encode()).digest()
    )
    return ranked[:count]


def _as_probe(row: Any, id: str, before: tuple[dict[str, str], ...]) -> Any:
    from dataclasses import replace

    system = tuple(t for t in row.messages if t["role"] == "system")
    rest = tuple(t for t in row.messages if t["role"] != "system")
    return replace(under(row, (*system, *before, *rest)), row_id=id, answer=gold_of(row))


def _verdict(gains: list[float] | None, least: float) -> Verdict:
    if not gains:
        return UNREAD
    gain = sum(gains) / len(gains)
    return Verdict(gain >= least, f"it helps by {gain:.4f} nats a token on {len(gains)} other questions", gain)
