"""Rows that repeat one another, and rows that hold what evaluation rows ask."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field

from ..data.families import Groups
from ..parts import Options, Paper
from .base import Bench, Row, Verdict, Verifier, asked, written
from .where import text_of


class NearDuplicateOptions(Options):
    similarity: float = Field(
        0.7,
        ge=0.5,
        le=1,
        title="Similarity",
        description="Share of runs of five characters from which two texts are copies.",
    )
    compare: Literal["question", "answer", "row"] = Field(
        "question", title="Compare", description="row: question and answer together."
    )
    keep: Literal["first", "longest", "shortest"] = Field(
        "first", title="Keep of each group", description="longest, shortest: by the answer; ties go to the first."
    )


class NearDuplicates(Verifier):
    id = "near-duplicates"
    title = "Near copies"
    summary = "Of rows that are nearly the same, one stays: the first, or the one with the longest or shortest answer."
    when_to_use = (
        "After a model wrote new inputs: it repeats itself. Copies cost training time and hide in the held-out rows."
    )
    formula = r"J(a, b) = \frac{|S(a) \cap S(b)|}{|S(a) \cup S(b)|} \ge \tau"
    paper = Paper(
        title="Deduplicating Training Data Makes Language Models Better", authors="Lee, Ippolito, Nystrom et al.", year=2022,
        venue="ACL", url="https://arxiv.org/abs/2107.06499", arxiv="2107.06499",
    )  # fmt: skip
    Options = NearDuplicateOptions
    pooled = True

    def check(self, rows: Sequence[Row], options: Any, bench: Bench) -> list[Verdict]:
        from ..data.minhash import near_pairs

        texts = [_compared(row, options.compare) for row in rows]
        near = near_pairs(texts, options.similarity)
        groups = Groups()
        best: dict[int, float] = {}
        for i, j, score in near:
            groups.join(f"{i:012}", f"{j:012}")
            best[i], best[j] = max(score, best.get(i, 0)), max(score, best.get(j, 0))
        members: dict[str, list[int]] = {}
        for i in sorted(best):
            members.setdefault(groups.find(f"{i:012}"), []).append(i)
        out = [Verdict(True)] * len(rows)
        for group in members.values():
            kept = _kept(rows, group, options.keep)
            for i in group:
                if i != kept:
                    out[i] = Verdict(False, f"nearly the same as row {rows[kept].row_id}", best[i])
        return out


def _compared(row: Row, what: str) -> str:
    parts = {"question": (asked(row),), "answer": (written(row),), "row": (asked(row), written(row))}[what]
    return "\n".join(parts)


def _kept(rows: Sequence[Row], group: Sequence[int], keep: str) -> int:
    if keep == "first":
        return group[0]
    sign = -1 if keep == "longest" else 1
    return min(group, key=lambda i: (sign * len(written(rows[i])), i))


class ContaminationOptions(Options):
    share: float = Field(
        0.0,
        ge=0,
        le=1,
        title="Shared runs allowed",
        description="Share of a row's runs of 13 words that may also stand in evaluation rows; 0: none.",
    )


class Contamination(Verifier):
    id = "contamination"
    title = "Not in the evaluation rows"
    summary = "Drops rows that ask what a held-out row asks, or share thirteen words in a row with one."
    when_to_use = "Whenever rows are written or collected: a strong teacher knows public test sets by heart."
    formula = r"q(x) = q(e) \;\vee\; \frac{|R_{13}(x, y) \cap R_{13}(E)|}{|R_{13}(x, y)|} > \tau"
    paper = Paper(
        title="Language Models are Few-Shot Learners", authors="Brown, Mann, Ryder et al.", year=2020, venue="NeurIPS",
        url="https://arxiv.org/abs/2005.14165", arxiv="2005.14165",
    )  # fmt: skip
    Options = ContaminationOptions
    needs = frozenset({"heldout"})

    def check(self, rows: Sequence[Row], options: Any, bench: Bench) -> list[Verdict]:
        from ..data.profile.contamination import evaluation, question, row_runs

        held = evaluation((i, _plain(row)) for i, row in enumerate(bench.heldout))
        if not held.rows:
            bench.note("There are no held-out rows, so nothing could be checked against them.", "warning")
        out = []
        for row in rows:
            plain = _plain(row)
            if (other := held.questions.get(question(plain))) is not None:
                out.append(Verdict(False, f"asks what the held-out row {bench.heldout[other].row_id} asks", 1.0))
                continue
            found = row_runs(plain)
            count, best, _ = held.hits(found)
            share = count / len(found) if len(found) else 0.0
            if count and share > options.share:
                words = f"shares {share:.0%} of its runs of 13 words with the held-out row {bench.heldout[best].row_id}"
                out.append(Verdict(False, words, share))
            else:
                out.append(Verdict(True, score=share))
        return out


def _plain(row: Row) -> dict[str, Any]:
    return {"row_id": row.row_id, "messages": list(row.messages), "answer": text_of(row, "both")}
