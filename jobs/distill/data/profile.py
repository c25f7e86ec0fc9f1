"""What is in a dataset: DataFacts for the plan compiler, and a profile for the page."""

from __future__ import annotations

import json
import unicodedata
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from ..plan.facts import DataFacts
from .checks import Checks
from .render import Reader
from .rows import Row
from .split import assign_splits, row_id_of

SAMPLED = 20_000
BINS = 24
QUANTILES = (
    ("shortest", 0.0),
    ("quarter", 0.25),
    ("median", 0.5),
    ("three quarters", 0.75),
    ("95 %", 0.95),
    ("99 %", 0.99),
    ("longest", 1.0),
)


def profile(
    rows: Iterable[dict[str, Any]],
    sha256: str,
    tokenizers: list[dict[str, Any]],
    heldout: float,
    tick: Callable[[int], None],
) -> dict[str, Any]:
    """{facts, profile} of canonical rows. tokenizers: [{folder, vocab_sha256, title, context}]; lengths over at most 20,000 rows."""
    checks, sample, splits, longest, stride, n = Checks(label_column=True), [], [], 0, 1, 0
    thin: list[dict[str, Any]] = []
    extras: Counter[str] = Counter()  # rows that carry each of them
    for n, r in enumerate(rows, start=1):
        row = Row(row_id_of(r["messages"], r["answer"]), r["messages"], r["answer"], r["split"], r["line"])
        checks.see(row)
        thin.append({"row_id": r["row_id"], "answer": "" if r["answer"] is not None else None, "split": r["split"]})
        longest = max(longest, len(r["answer"] or ""))
        extras.update(json.loads(r.get("fields") or "{}").keys())
        if (n - 1) % stride == 0:
            sample.append(r)
        if len(sample) > SAMPLED:  # every second one of those kept: an even sample without knowing the end
            sample, stride = sample[::2], stride * 2
        if n % 5000 == 0:
            tick(n)
    splits = assign_splits(thin, heldout)
    lengths = {t["vocab_sha256"]: _measure(sample, t) for t in tokenizers}
    labelled = checks.labelled
    facts = DataFacts(
        sha256=sha256, rows=n, labelled=labelled, unlabelled=n - labelled, train=splits.count("train"),
        heldout=sum(s == "heldout" and r["answer"] is not None for s, r in zip(splits, thin, strict=True)),
        prompt_lengths={k: m["prompts"] for k, m in lengths.items()}, answer_lengths={k: m["answers"] for k, m in lengths.items()},
        distinct_answers=len(checks.labels) or labelled, longest_answer_chars=longest, extras=dict(extras),
    )  # fmt: skip
    return {"facts": facts.model_dump(), "profile": _profile(checks, sample, lengths, stride)}


def _profile(checks: Checks, sample: list[dict[str, Any]], lengths: dict[str, Any], stride: int) -> dict[str, Any]:
    prompts = [sum(len(m["content"]) for m in r["messages"]) for r in sample]
    answers = [len(r["answer"]) for r in sample if r["answer"] is not None]
    return {
        "sampled": len(sample),
        "every": stride,
        "characters": {
            "prompt": quantiles(prompts),
            "answer": quantiles(answers),
            "prompt_histogram": histogram(prompts),
            "answer_histogram": histogram(answers),
        },
        "tokens": {k: {x: y for x, y in m.items() if x not in ("prompts", "answers")} for k, m in lengths.items()},
        "labels": [[label, n] for label, n in checks.labels.most_common(500)]
        if not checks.too_many_labels and len(checks.labels) <= max(20, checks.labelled // 3)
        else [],
        "turns": dict(Counter(str(len(r["messages"])) for r in sample).most_common(10)),
        "duplicates": checks.duplicates,
        "near_duplicates": checks.near_duplicates,
        "conflicts": len(checks.conflicts),
        "overlap": sum(n for group, n in checks.held_prompts.items() if checks.prompts[group][1] & 1),
        "control_text_rows": checks.control_count,
        "scripts": scripts(sample),
        "secrets": dict(checks.secrets),
    }


def _measure(sample: list[dict[str, Any]], tokenizer: dict[str, Any]) -> dict[str, Any]:
    """Token counts of one tokenizer: prompts and answers in the sample's order, rows over the context, control text."""
    reader, context = Reader(tokenizer["folder"]), tokenizer.get("context") or 0
    pairs = [reader.lengths(r) for r in sample]
    both = [p + a for p, a in pairs]
    return {
        "prompts": [p for p, _ in pairs],
        "answers": [a for _, a in pairs],
        "title": tokenizer.get("title", ""),
        "context": context,
        "total": quantiles(both),
        "histogram": histogram(both),
        "over_context": sum(b > context for b in both) if context else 0,
        "nothing_left": sum(p >= context for p, _ in pairs) if context else 0,
        "control_text_rows": sum(reader.has_control_text(r) for r in sample),
    }


def quantiles(values: list[int]) -> dict[str, int]:
    """Named quantiles (nearest rank); empty for no values."""
    if not values:
        return {}
    ordered = sorted(values)
    return {name: ordered[min(len(ordered) - 1, int(q * len(ordered)))] for name, q in QUANTILES}


def histogram(values: list[int], bins: int = BINS) -> list[list[int]]:
    """[[from, to, rows]] of equal width, `to` exclusive; the longest one in a hundred share the last bin."""
    if not values:
        return []
    ordered = sorted(values)
    top = max(ordered[int(0.99 * (len(ordered) - 1))] + 1, 1)
    width = max(1, -(-top // bins))
    edges = list(range(0, top + width, width))
    counts = [0] * (len(edges) - 1)
    for v in ordered:
        counts[min(bisect_right(edges, v) - 1, len(counts) - 1)] += 1
    out = [[edges[i], edges[i + 1], c] for i, c in enumerate(counts)]
    out[-1][1] = max(out[-1][1], ordered[-1] + 1)
    return out


def scripts(sample: list[dict[str, Any]]) -> dict[str, int]:
    """Rows by the writing system most of their letters belong to: a rough word on languages."""
    found: Counter[str] = Counter()
    for row in sample:
        letters = Counter(script(c) for c in row["messages"][-1]["content"][:300] if c.isalpha())
        found[letters.most_common(1)[0][0] if letters else "none"] += 1
    return dict(found.most_common(12))


@lru_cache(maxsize=4096)
def script(character: str) -> str:
    """`Latin`, `Cyrillic`, `CJK` ... from the character's Unicode name."""
    word = unicodedata.name(character, "other").split(" ")[0].split("-")[0]
    return "CJK" if word in ("CJK", "HIRAGANA", "KATAKANA") else word.capitalize()
