"""One pass over the rows: DataFacts for the plan compiler, and the numbers every version has."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from ...plan.facts import DataFacts
from ..checks import Checks
from ..rows import Row as Canonical
from ..split import row_id_of
from .lengths import histogram, measure, quantiles
from .sample import Row, Sample, Splits, extras

SAMPLED = 20_000
BUDGET = 100_000_000  # characters
KEPT_BESIDE = ("prompts", "answers", "both", "control", "rows", "step")  # no part of the stored profile


@dataclass
class Passed:
    """What one pass over all rows leaves."""

    sample: Sample
    splits: Splits
    checks: Checks = field(default_factory=lambda: Checks(label_column=True))
    extras: Counter[str] = field(default_factory=Counter)  # rows that carry each of them
    rows: int = 0
    longest: int = 0  # characters of an answer

    def see(self, row: Row) -> None:
        self.rows += 1
        said = Canonical(row_id_of(row["messages"], row["answer"]), row["messages"], row["answer"], row["split"], row["line"])  # fmt: skip
        self.checks.see(said)
        self.splits.see(row)
        self.longest = max(self.longest, len(row["answer"] or ""))
        if row.get("fields"):
            self.extras.update(extras(row).keys())
        self.sample.see(self.rows, row)


def pass_over(rows: Iterable[Row], heldout: float, most: int, budget: int, tick: Callable[[int], None]) -> Passed:
    """One pass, keeping at most `most` rows and `budget` characters."""
    passed = Passed(Sample(most, budget), Splits(heldout))
    for row in rows:
        passed.see(row)
        if passed.rows % 5000 == 0:
            tick(passed.rows)
    return passed


def profile(
    rows: Iterable[Row], sha256: str, tokenizers: list[dict[str, Any]], heldout: float, tick: Callable[[int], None]
) -> dict[str, Any]:
    """{facts, profile} of canonical rows. tokenizers: [{folder, vocab_sha256, title, context}]; lengths over at most 20,000 rows."""
    passed = pass_over(rows, heldout, SAMPLED, BUDGET, tick)
    lengths = {t["vocab_sha256"]: measure(passed.sample.rows, t) for t in tokenizers}
    return {"facts": facts(passed, sha256, lengths), "profile": summary(passed, lengths)}


def facts(passed: Passed, sha256: str, lengths: dict[str, Any]) -> dict[str, Any]:
    """DataFacts as plain data; lengths of at most 20,000 rows."""
    labelled = passed.checks.labelled
    return DataFacts(
        sha256=sha256, rows=passed.rows, labelled=labelled, unlabelled=passed.rows - labelled,
        train=passed.splits.train_rows(), heldout=passed.splits.held_labelled,
        prompt_lengths={k: thinned(m["prompts"]) for k, m in lengths.items()}, answer_lengths={k: thinned(m["answers"]) for k, m in lengths.items()},
        distinct_answers=len(passed.checks.labels) or labelled, longest_answer_chars=passed.longest, extras=dict(passed.extras),
    ).model_dump()  # fmt: skip


def thinned(values: Sequence[int]) -> list[int]:
    """At most 20,000 of them, evenly."""
    return list(values[:: -(-len(values) // SAMPLED) or 1])


def summary(passed: Passed, lengths: dict[str, Any]) -> dict[str, Any]:
    checks, sample = passed.checks, passed.sample.rows
    prompts = [sum(len(m["content"] or "") for m in r["messages"]) for r in sample]
    answers = [len(r["answer"]) for r in sample if r["answer"] is not None]
    few = not checks.too_many_labels and len(checks.labels) <= max(20, checks.labelled // 3)
    return {
        "sampled": len(sample),
        "every": passed.sample.every,
        "characters": {
            "prompt": quantiles(prompts),
            "answer": quantiles(answers),
            "prompt_histogram": histogram(prompts),
            "answer_histogram": histogram(answers),
        },
        "tokens": {k: {x: y for x, y in m.items() if x not in KEPT_BESIDE} for k, m in lengths.items()},
        "labels": [[label, n] for label, n in checks.labels.most_common(500)] if few else [],
        "turns": dict(Counter(str(len(r["messages"])) for r in sample).most_common(10)),
        "duplicates": checks.duplicates,
        "near_duplicates": checks.near_duplicates,
        "conflicts": checks.conflict_count,
        "overlap": checks.overlap,
        "control_text_rows": checks.control_count,
        "scripts": scripts(sample),
        "secrets": dict(checks.secrets),
    }


def scripts(sample: list[Row]) -> dict[str, int]:
    """Rows by the writing system most of their letters belong to: a rough word on languages."""
    found: Counter[str] = Counter()
    for row in sample:
        letters = Counter(script(c) for c in (row["messages"][-1]["content"] or "")[:300] if c.isalpha())
        found[letters.most_common(1)[0][0] if letters else "none"] += 1
    return dict(found.most_common(12))


@lru_cache(maxsize=4096)
def script(character: str) -> str:
    """`Latin`, `Cyrillic`, `CJK` ... from the character's Unicode name."""
    word = unicodedata.name(character, "other").split(" ")[0].split("-")[0]
    return "CJK" if word in ("CJK", "HIRAGANA", "KATAKANA") else word.capitalize()
