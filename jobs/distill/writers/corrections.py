"""Pairs from a worse text to a better one, for a model that mends what another wrote."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, ClassVar, Literal

from pydantic import Field

from ..errors import RecipeInvalid
from ..parts import Options, Paper
from ..verifiers.finals import normal
from .base import ROW_VARIABLES, Desk, Made, Seed, Steps, Unusable, Writer, about
from .common import agree, for_task, gold_of, need_sampling
from .template import Prompt

WORD = re.compile(r"\w+")


def ask_better(question: str, draft: str, feedback: str = "") -> str:
    """What the corrector reads."""
    said = f"\nWhat is wrong: {feedback}" if feedback else ""
    return f"{question}\nDraft: {draft}{said}\nBetter:"


class Corrections(Writer):
    """Samples texts of the generator, scores each by a rule, and pairs every worse one with the nearest better one."""

    id = "corrections"
    title = "From worse to better"
    summary = "Drafts of the generator are scored by a rule; a draft and a better one near to it become a row for a corrector."
    when_to_use = "A generator that cannot be trained, or a rule that tells good texts from bad ones: a small model learns to mend."
    formula = r"D = \{(y, y') : v(y') - v(y) > \delta\},\quad p(y, y') \propto e^{\alpha (v' - v) + \beta s(y, y')}"
    paper = Paper(
        title="Generating Sequences by Learning to Self-Correct", authors="Welleck, Lu, West, Brahman, Shen, Khashabi, Choi",
        year=2023, venue="ICLR", url="https://arxiv.org/abs/2211.00053", arxiv="2211.00053",
    )  # fmt: skip
    variables: ClassVar[dict[str, str]] = {**ROW_VARIABLES}
    prompts: ClassVar[dict[str, Prompt]] = {"draft": Prompt("{{question}}")}

    class Options(Options):
        samples: int = Field(8, ge=2, le=64, title="Drafts a question")
        generator: str = Field(
            "base", max_length=40, title="Who drafts", description="base: the student without its adapter."
        )
        reward: Literal["gold", "words"] = Field(
            "gold",
            title="Better means",
            description="gold: the right answer (1 or 0; with Likeness, how near it is). words: the share of the words between quotes in the question that the text contains.",
        )
        likeness: bool = Field(
            True,
            title="Likeness",
            description="For gold: a wrong answer counts by the words it shares with the gold one.",
        )
        margin: float = Field(
            0.0, ge=0, le=1, title="Least gain", description="Of the reward from draft to better text."
        )
        pairs: int = Field(4, ge=1, le=64, title="Pairs a question, at most")
        feedback: bool = Field(
            False, title="Say what is wrong", description="For words: the missing ones stand in the question."
        )
        gold_too: bool = Field(True, title="Gold answers count", description="The gold answer may be the better text.")

    def check(self, options: Any, field: str) -> None:
        if options.feedback and options.reward != "words":
            raise RecipeInvalid(
                f"{field}.feedback: only missing words can be named; the reward is {options.reward}.",
                field=f"{field}.feedback",
                hint="Set the reward to words, or leave feedback out.",
            )

    def seeds(self, rows: Any, options: Any, desk: Desk) -> Any:
        need_sampling(desk, options.samples, "A correction")
        return super().seeds(rows, options, desk)

    def write(self, seed: Seed, options: Any, desk: Desk) -> Steps:
        row, gold, first = seed.row, gold_of(seed.row), desk.number * options.samples
        if gold is None and options.reward == "gold":
            raise Unusable("there is no gold answer to score its drafts by")
        asked = desk.prompts["draft"] != self.prompts["draft"]
        drafts = [
            desk.ask("draft", about(row), options.generator, first + k)
            if asked
            else desk.say(row.messages, options.generator, first + k)
            for k in range(options.samples)
        ]
        replies = yield [replace(q, measures=True) for q in drafts]  # a draft that was cut off can be mended too
        texts = [t for r in replies if (t := r.text.strip())]
        if options.gold_too and gold is not None:
            texts.append(gold)
        scored = {t: reward(t, gold, row.question, options) for t in dict.fromkeys(texts)}
        found = improving(scored, options.margin)[: options.pairs]
        if not found:
            raise Unusable(f"no draft of {len(scored)} different ones is better than another")
        return [self._made(row, worse, better, scored, gold, options) for worse, better in found]

    def _made(
        self, row: Any, worse: str, better: str, scored: dict[str, float], gold: str | None, options: Any
    ) -> Made:
        feedback = ", ".join(missing(worse, row.question)) if options.feedback else ""
        rewards = {"worse": round(scored[worse], 6), "better": round(scored[better], 6)}
        question = ask_better(row.question, worse, feedback and f"these words are missing: {feedback}")
        return for_task(row, "correct", question, better, gold=gold, draft=worse, rewards=rewards)


def reward(text: str, gold: str | None, question: str, options: Any) -> float:
    """Between 0 and 1; see the option Better means."""
    if options.reward == "words":
        wanted = quoted(question)
        return 1 - len(missing(text, question)) / len(wanted) if wanted else 0.0
    if gold is None:
        return 0.0
    if agree(text, gold):
        return 1.0
    return 0.99 * shared(text, gold) if options.likeness else 0.0


def improving(scored: dict[str, float], margin: float) -> list[tuple[str, str]]:
    """(worse, better), each worse text once with its best partner: the largest gain, then the nearest wording."""
    out = list[tuple[float, str, str]]()
    for worse, low in scored.items():
        better = [(high - low, shared(worse, t), t) for t, high in scored.items() if high - low > margin]
        if better:
            gain, _, best = max(better)
            out.append((gain, worse, best))
    return [(w, b) for _, w, b in sorted(out, key=lambda p: (-p[0], p[1]))]


def shared(a: str, b: str) -> float:
    """Words in common over all words of both."""
    x, y = set(WORD.findall(a.casefold())), set(WORD.findall(b.casefold()))
    return len(x & y) / max(1, len(x | y))


def quoted(question: str) -> list[str]:
    """The words a question puts between double quotes."""
    return list(dict.fromkeys(re.findall(r'"([^"\n]{1,100})"', question)))


def missing(text: str, question: str) -> list[str]:
    said = f" {normal(text)} "
    return [w for w in quoted(question) if f" {normal(w)} " not in said]
