"""Of many answers the one nearest to all the others, over the one furthest from them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, ClassVar

from pydantic import Field

from ..parts import Options, Paper
from ..verifiers.finals import normal
from .base import ROW_VARIABLES, Desk, Made, Seed, Steps, Unusable, Writer, about
from .common import for_task, gold_of, need_sampling
from .template import Prompt


class MostAgreed(Writer):
    """Samples answers to a long input and scores each by its mean likeness to the others (minimum Bayes risk)."""

    id = "most-agreed"
    title = "Most agreed answers"
    summary = (
        "Several answers are sampled; the one most like all others is learnt, and preferred to the one least like them."
    )
    when_to_use = (
        "Long inputs without labels: what a model invents differs from sample to sample, what it found does not."
    )
    formula = r"\hat y = \mathrm{arg}\max_i \frac{1}{n} \sum_{j} s(y_i, y_j)"
    paper = Paper(
        title="Large Language Models Can Self-Improve in Long-context Reasoning",
        authors="Li, Yang, Cheng, Liu, Yu, Yang, Lam", year=2024, url="https://arxiv.org/abs/2411.08147",
        arxiv="2411.08147",
    )  # fmt: skip
    variables: ClassVar[dict[str, str]] = {**ROW_VARIABLES, "instruction": "the option Instruction"}
    pairs = True
    prompts: ClassVar[dict[str, Prompt]] = {
        "answer": Prompt(
            "{{conversation}}\n\n{{instruction}}\nFirst quote or summarise the places that matter, then reason from them, then give the answer."
        )
    }

    class Options(Options):
        samples: int = Field(16, ge=2, le=64, title="Answers a question")
        instruction: str = Field("", max_length=20_000, title="Instruction")
        plain: bool = Field(True, title="Ask plainly", description="The row's conversation goes out as it is.")
        margin: float = Field(
            0.0,
            ge=0,
            le=1,
            title="Least difference",
            description="Of the scores of the best and the worst; less is left out.",
        )

    def seeds(self, rows: Any, options: Any, desk: Desk) -> Any:
        need_sampling(desk, options.samples, "Agreement")
        return super().seeds(rows, options, desk)

    def write(self, seed: Seed, options: Any, desk: Desk) -> Steps:
        row, base = seed.row, desk.number * options.samples
        values = about(row, instruction=options.instruction)
        numbers = range(base, base + options.samples)
        replies = yield [
            desk.say(row.messages, number=n) if options.plain else desk.ask("answer", values, number=n) for n in numbers
        ]
        texts = [r.text.strip() for r in replies]
        scores = agreement(texts)
        best, worst = max(range(len(texts)), key=scores.__getitem__), min(range(len(texts)), key=scores.__getitem__)
        if scores[best] - scores[worst] <= options.margin:
            raise Unusable(
                f"the answers differ too little: {scores[worst]:.3f} to {scores[best]:.3f}, more than {options.margin:g} apart is wanted"
            )
        pair = {"chosen": texts[best], "rejected": texts[worst], "gold": gold_of(row)}
        found = {"scores": {"chosen": round(scores[best], 6), "rejected": round(scores[worst], 6)}}
        made = for_task(row, "answer", row.question, texts[best], **pair, **found)
        return [Made(row.messages, made.answer, made.fields, same=True)]


def agreement(texts: Sequence[str]) -> list[float]:
    """Mean likeness of each text to all of them, itself included: 0 to 1. Exact, every two texts are compared."""
    bags = [Counter(normal(t).split()) for t in texts]
    return [sum(likeness(a, b) for b in bags) / len(bags) for a in bags]


def likeness(a: Counter[str], b: Counter[str]) -> float:
    """F1 of the words of two texts; 1 for two empty ones."""
    total = a.total() + b.total()
    return 2 * (a & b).total() / total if total else 1.0
