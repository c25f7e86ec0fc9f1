"""Difference sampling: texts that the teacher finds likelier than a small reference model does."""

from __future__ import annotations

from typing import Any

from ..parts import Paper
from .base import Chosen, Pool, Selection, top


class Difference(Selection):
    id = "difference"
    title = "Difference sampling"
    summary = "Keeps the rows that the teacher finds likely and a small reference model does not."
    when_to_use = (
        "Before training on much raw text: easy patterns both know and noise that neither expects are left out. The student's "
        "tokenizer may be any, since nothing of the teacher but the choice of rows reaches it."
    )
    formula = r"s(x) = \frac{\log p(x) - \log p_{\text{ref}}(x)}{|x|}"
    paper = Paper(
        title="MiniPLM: Knowledge Distillation for Pre-Training Language Models", authors="Gu, Zhou, Meng, Zhou, Huang",
        year=2024, url="https://arxiv.org/abs/2410.17215", arxiv="2410.17215",
    )  # fmt: skip
    needs = frozenset({"teacher", "reference"})

    def choose(self, pool: Pool, keep: float, options: Any) -> Chosen:
        """|x| counts the teacher's tokens: log-probabilities of a whole text compare across tokenizers, those a token do not."""
        teacher, reference = pool.read("teacher"), pool.read("reference")
        scores = {
            r: (reference[r].nats - read.nats) / max(1, read.tokens) for r, read in teacher.items() if r in reference
        }
        return Chosen(top(scores, pool.count(keep)), scores, "highest log p(teacher) - log p(reference) a token")
