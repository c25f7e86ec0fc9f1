"""Several candidates of one question: those that agree, and the one nearest to all others."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, Literal

from pydantic import Field

from ..parts import Options, Paper
from .base import Bench, Row, Verdict, Verifier, by_question, shown, written
from .finals import Take, final, normal
from .numbers import shown_number
from .numeric import number_of
from .wording import WORD

Keep = Literal["all", "one"]


class MajorityOptions(Options):
    by: Literal["text", "number"] = Field(
        "text",
        title="Answers are equal by",
        description="text: after case, punctuation and white space. number: exactly the same number.",
    )
    take: Take = Field(
        "auto",
        title="Take",
        description="Where the answer stands; see exact match. auto: after a marker, else the last line or number.",
    )
    share: float = Field(
        0.5,
        gt=0,
        le=1,
        title="Least share",
        description="Of a question's candidates that must agree; more than half never ties.",
    )
    votes: int = Field(
        2, ge=1, le=1000, title="Least votes", description="Candidates that must agree, whatever their share."
    )
    keep: Keep = Field("all", title="Keep", description="all: every candidate that agrees. one: the first of them.")


class Majority(Verifier):
    id = "majority"
    title = "Candidates agree"
    summary = "Keeps the candidates of a question that give its commonest answer, when enough of them do."
    when_to_use = (
        "No right answers at hand, and several candidates of each question: what most say is more often right."
    )
    formula = r"\hat{a} = \mathrm{arg}\max_a \sum_k \mathbb{1}[a_k = a],\quad \frac{\#\hat{a}}{K} \ge \tau"
    paper = Paper(
        title="Self-Consistency Improves Chain of Thought Reasoning in Language Models",
        authors="Wang, Wei, Schuurmans, Le, Chi, Narang, Chowdhery, Zhou", year=2023, venue="ICLR",
        url="https://arxiv.org/abs/2203.11171", arxiv="2203.11171",
    )  # fmt: skip
    Options = MajorityOptions
    pooled = True

    def check(self, rows: Sequence[Row], options: Any, bench: Bench) -> list[Verdict]:
        out = [Verdict(False)] * len(rows)
        keys = [key_of(written(row), options) for row in rows]
        for members in by_question(rows).values():
            votes = Counter(k for i in members if (k := keys[i]) is not None)
            for i in members:
                out[i] = _voted(keys[i], votes, len(members), options)
            if options.keep == "one":
                agreed = [i for i in members if out[i].ok]
                for i in agreed[1:]:
                    out[i] = Verdict(False, f"agrees with row {rows[agreed[0]].row_id}, which stays", out[i].score)
        return out


def key_of(text: str, options: MajorityOptions) -> Fraction | str | None:
    """What candidates are compared by; None where the text has no answer."""
    if options.by == "number":
        found = number_of(text, options.take)
        return found.value if found else None
    said = final(text, options.take)
    return normal(said) or None if said is not None else None


def _voted(key: Fraction | str | None, votes: Counter[Fraction | str], of: int, options: MajorityOptions) -> Verdict:
    if key is None:
        return Verdict(False, "no answer could be read", 0.0)
    (first, most), *others = votes.most_common(2)
    share = votes[key] / of
    said = shown_number(key) if isinstance(key, Fraction) else shown(key)
    if most < options.votes or most / of < options.share:
        return Verdict(False, f"the commonest answer has {most} of {of} votes", share)
    if others and others[0][1] == most:
        return Verdict(False, f"two answers have {most} of {of} votes each", share)
    if key != first:
        return Verdict(False, f"says {said}, {most} of {of} say otherwise", share)
    return Verdict(True, f"{most} of {of} say {said}", share)


class MbrOptions(Options):
    similarity: Literal["words", "cosine", "rouge-l"] = Field(
        "words",
        title="Similarity",
        description="words: F1 of the words, each as often as it stands. cosine: of word counts. rouge-l: longest common run of words with gaps.",
    )
    keep: int = Field(
        1, ge=1, le=100, title="Keep of each question", description="The candidates with the highest agreement."
    )
    least: float = Field(
        0.0, ge=0, le=1, title="Least agreement", description="Mean similarity a kept candidate must have."
    )


class MinimumBayesRisk(Verifier):
    id = "mbr"
    title = "Nearest to all others"
    summary = "Keeps the candidate of each question whose mean similarity to the other candidates is highest."
    when_to_use = (
        "Long answers, which never agree word for word. The scores make preference pairs: highest over lowest."
    )
    formula = r"s_i = \frac{1}{K-1}\sum_{j \ne i} \mathrm{sim}(y_i, y_j),\quad \hat{y} = y_{\mathrm{arg}\max_i s_i}"
    paper = Paper(
        title="Large Language Models Can Self-Improve in Long-context Reasoning", authors="Li, Yang, Cheng, Liu, Yu, Yang, Lam",
        year=2024, url="https://arxiv.org/abs/2411.08147", arxiv="2411.08147",
    )  # fmt: skip
    Options = MbrOptions
    pooled = True

    def check(self, rows: Sequence[Row], options: Any, bench: Bench) -> list[Verdict]:
        out = [Verdict(False)] * len(rows)
        for members in by_question(rows).values():
            scores = agreement([written(rows[i]) for i in members], options.similarity)
            ranked = sorted(range(len(members)), key=lambda k: (-scores[k], k))
            for place, k in enumerate(ranked):
                reason = f"agreement {scores[k]:.3f}, place {place + 1} of {len(members)}"
                ok = place < options.keep and scores[k] >= options.least
                out[members[k]] = Verdict(ok, reason, scores[k])
        return out


def agreement(texts: Sequence[str], similarity: str) -> list[float]:
    """Mean similarity of each text to all others, from 0 to 1; a text alone has 0."""
    compare = SIMILARITIES[similarity]
    words = [WORD.findall(text.casefold())[:5000] for text in texts]
    total = [0.0] * len(texts)
    for i in range(len(texts)):
        for j in range(i):
            score = compare(words[i], words[j])
            total[i] += score
            total[j] += score
    return [t / (len(texts) - 1) if len(texts) > 1 else 0.0 for t in total]


def _f1(a: Sequence[str], b: Sequence[str]) -> float:
    both = (Counter(a) & Counter(b)).total()
    return 2 * both / (len(a) + len(b)) if a or b else 1.0


def _cosine(a: Sequence[str], b: Sequence[str]) -> float:
    x, y = Counter(a), Counter(b)
    length = math.sqrt(sum(v * v for v in x.values()) * sum(v * v for v in y.values()))
    return sum(v * y[w] for w, v in x.items()) / length if length else float(x == y)


def _rouge_l(a: Sequence[str], b: Sequence[str]) -> float:
    from ..scores import rouge_l

    return rouge_l(" ".join(a[:1000]), " ".join(b[:1000]))


SIMILARITIES: dict[str, Callable[[Sequence[str], Sequence[str]], float]] = {
    "words": _f1,
    "cosine": _cosine,
    "rouge-l": _rouge_l,
}
