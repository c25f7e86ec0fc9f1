"""Answers preferred by a judge: pair by pair with the places swapped, or only where judge and student agree."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import combinations
from typing import Any, Literal

from pydantic import Field

from ..judging.asking import Compared, How, compare
from ..judging.wording import RUBRIC
from ..parts import Options, Paper
from ..verifiers.base import Bench, Row, asked
from .base import Group, Preferred, Rule
from .scoring import distinct, none, pair, said, writer_of


class RankingOptions(Options):
    rubric: str = Field(RUBRIC, min_length=1, max_length=20_000, title="Rubric", description="What the judge looks at.")
    judge: str = Field(
        "judge", min_length=1, max_length=40, title="Judge", description="judge: who the stage says is asked."
    )
    form: Literal["pair", "list"] = Field(
        "pair", title="Makes", description="pair: the best over the worst. list: all, best first."
    )
    most: int = Field(
        4, ge=2, le=10, title="Answers compared", description="Of each question; all pairs of them, both ways round."
    )
    sources: Literal["any", "same"] = Field(
        "any", title="Sides come from", description="same: only answers of one writer are compared."
    )
    tries: int = Field(2, ge=1, le=5, title="Tries", description="For replies that are not in the form.")
    max_new_tokens: int = Field(300, ge=1, le=8192, title="Longest reply (tokens)")


class JudgeRanking(Rule):
    id = "judge-ranking"
    title = "Judge's ranking"
    summary = "A judge compares the answers two at a time, with their places swapped; verdicts that follow the place are ties."
    when_to_use = (
        "Open questions that no check can settle. Ties are dropped and counted: many of them mean an unsure judge."
    )
    formula = r"w_i = \sum_{j \ne i} \mathbb{1}[y_i \succ y_j \text{ in both orders}],\quad y_c = \mathrm{argmax} w,\ y_r = \mathrm{argmin} w"
    paper = Paper(
        title="Judging LLM-as-a-Judge with MT-Bench and Chatbot Arena",
        authors="Zheng, Chiang, Sheng, Zhuang, Wu, Zhuang, Lin, Li, Li, Xing, Zhang, Gonzalez, Stoica", year=2023,
        venue="NeurIPS", url="https://arxiv.org/abs/2306.05685", arxiv="2306.05685",
    )  # fmt: skip
    Options = RankingOptions
    needs = frozenset({"judge"})

    def prefer(self, groups: Sequence[Group], options: Any, bench: Bench) -> list[list[Preferred]]:
        rows = [_comparable(g.rows, options) for g in groups]
        won = compared(rows, options, bench)
        return [_ranked(several, wins, options) for several, wins in zip(rows, won, strict=True)]


def _comparable(rows: Sequence[Row], options: RankingOptions) -> list[Row]:
    found = list({said(r): r for r in reversed(distinct(rows))}.values())[::-1]
    if options.sources == "same" and found:
        names = [writer_of(r) for r in found]
        most = max(dict.fromkeys(names), key=names.count)
        found = [r for r in found if writer_of(r) == most]
    return found[: options.most]


def compared(
    rows: Sequence[Sequence[Row]], options: RankingOptions, bench: Bench, shown: str = ""
) -> list[list[float] | None]:
    """Wins of each answer, a tie half a win; None for a question one of whose comparisons could not be read. What was
    tied, and what only followed the place, is noted."""
    places = [(g, i, j) for g, several in enumerate(rows) for i, j in combinations(range(len(several)), 2)]
    texts = [(asked(rows[g][i]), said(rows[g][i]), said(rows[g][j])) for g, i, j in places]
    how = How(options.max_new_tokens, 0.0, options.tries)
    found = compare(bench, options.judge, texts, options.rubric, how, shown)
    wins: list[list[float] | None] = [[0.0] * len(several) for several in rows]
    for (g, i, j), one in zip(places, found, strict=True):
        of = wins[g]
        if one.better is None:
            wins[g] = None
        elif of is not None:
            of[i] += (one.better + 1) / 2
            of[j] += (1 - one.better) / 2
    _told(found, bench)
    return wins


def _told(found: Sequence[Compared], bench: Bench) -> None:
    ties, swayed = sum(c.better == 0 for c in found), sum(c.swayed for c in found)
    unread = sum(c.better is None for c in found)
    if found:
        bench.note(
            f"{len(found):,} comparisons, each both ways round: {ties:,} ties, {swayed:,} of them because the judge went by the "
            f"place; {unread:,} could not be read.",
            "warning" if unread or swayed > len(found) / 2 else "info",
        )


def _ranked(rows: Sequence[Row], wins: Sequence[float] | None, options: RankingOptions) -> list[Preferred]:
    if len(rows) < 2:
        return none("there are fewer than two different answers to compare")
    if wins is None:
        return none("flagged: a reply of the judge could not be read")
    ranked = sorted(range(len(rows)), key=lambda i: -wins[i])
    best, worst = ranked[0], ranked[-1]
    if wins[best] == wins[worst]:
        return none("a tie: the judge finds none better")
    if options.form == "pair":
        return [pair(rows[best], rows[worst], (wins[best], wins[worst]))]
    sources = tuple(writer_of(rows[i]) for i in ranked)
    return [Preferred(tuple(said(rows[i]) for i in ranked), tuple(wins[i] for i in ranked), sources=sources)]


# -- agreement of two rankings --------------------------------------------------------------------------------------------


class AgreedOptions(RankingOptions):
    who: str = Field(
        "student", min_length=1, max_length=40, title="Ranks by likelihood", description="Whose mean log-probability orders the answers."
    )  # fmt: skip
    demos: int = Field(
        2, ge=0, le=16, title="Examples for the judge", description="Of the rankings agreed on in earlier rounds, the latest."
    )  # fmt: skip


class AgreedRankings(Rule):
    id = "agreed-rankings"
    title = "Rankings both agree on"
    summary = "The judge ranks the student's answers, the student ranks them by likelihood; only what both agree on is learnt and shown."
    when_to_use = "In a loop, with a judge that is good but not tuned to the task: agreed rankings become its examples in the next round."
    formula = r"D_{t+1} = D_t \cup \{\pi : \pi_{\text{judge} \mid D_t} = \pi_q\}"
    paper = Paper(
        title="CycleAlign: Iterative Distillation from Black-box LLM to White-box Models for Better Human Alignment",
        authors="Hong, Tu, Chen, Gao, Zhang, Yan", year=2024, venue="Findings of ACL",
        url="https://arxiv.org/abs/2310.16271", arxiv="2310.16271",
    )  # fmt: skip
    Options = AgreedOptions
    needs = frozenset({"judge", "reference"})

    def prefer(self, groups: Sequence[Group], options: Any, bench: Bench) -> list[list[Preferred]]:
        rows = [_comparable(g.rows, options) for g in groups]
        store = [r for r in bench.earlier if r.fields.get("agreed")]
        demos = store[-options.demos :] if options.demos else []
        won = compared(rows, options, bench, shown_to_judge(demos))
        reads = bench.read(options.who, [r for several in rows for r in several])
        version = {"version": demos_version(demos), "rows": [r.row_id for r in demos]}
        out = [
            self._one(several, wins, [reads.get(r.row_id) for r in several], version)
            for several, wins in zip(rows, won, strict=True)
        ]
        ranked = sum(w is not None and len(set(w)) > 1 for w in won)
        agreed = sum(bool(o[0].ranked) for o in out)
        share = f" ({agreed / ranked:.0%})" if ranked else ""
        bench.note(f"{agreed:,} of {ranked:,} rankings are agreed on{share}; the judge was shown {len(demos)} of {len(store)} earlier ones.")  # fmt: skip
        return out

    def _one(self, rows: Sequence[Row], wins: Sequence[float] | None, reads: Sequence[Any], version: dict[str, Any]) -> list[Preferred]:  # fmt: skip
        if len(rows) < 2:
            return none("there are fewer than two different answers to compare")
        if wins is None:
            return none("flagged: a reply of the judge could not be read")
        if any(r is None for r in reads):
            return none("the student could not read every answer")
        likely = [-r.per_token for r in reads]
        judge = sorted(range(len(rows)), key=lambda i: (-wins[i], -likely[i]))
        if wins[judge[0]] == wins[judge[-1]]:
            return none("a tie: the judge finds none better")
        if any(wins[a] > wins[b] and likely[a] <= likely[b] for a, b in combinations(judge, 2)):
            return none("judge and student do not agree")
        return [
            Preferred(
                tuple(said(rows[i]) for i in judge),
                tuple(wins[i] for i in judge),
                sources=tuple(writer_of(rows[i]) for i in judge),
                fields={"agreed": True, "demos": version},
            )
        ]


def shown_to_judge(rows: Sequence[Row]) -> str:
    """Agreed rankings as the judge reads them: the better answer first."""
    parts = []
    for row in rows:
        ranked = row.fields["ranked"]
        parts.append(f"Question: {asked(row)}\nBetter: {ranked[0]}\nWorse: {ranked[-1]}")
    return "\n\n".join(parts)


def demos_version(rows: Sequence[Row]) -> str:
    """Names a set of examples; the empty one is `none`."""
    return hashlib.sha256("\0".join(r.row_id for r in rows).encode()).hexdigest()[:8] if rows else "none"
