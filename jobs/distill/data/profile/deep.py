"""The whole profile of a version: one pass over all rows, a closer look at a sample that is named, rows behind numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from math import ceil
from pathlib import Path
from typing import Any

from ..behind import Behind, write_lengths
from ..private import find, masked
from .contamination import check, evaluation
from .copies import copies
from .domains import domains
from .labels import alike, one_letter_apart
from .languages import language
from .lengths import costs, measure
from .sample import Row, asked, characters
from .short import BUDGET, facts, pass_over, summary

MOST = 100_000  # rows looked at closely
MEASURED_ROWS, MEASURED_CHARACTERS = 300_000, 120_000_000  # over all tokenizers together
LEAST_MEASURED = 20_000  # rows for each tokenizer, whatever the budget
MASKED_SHOWN = 5
FILES = ("behind.parquet", "lengths.parquet")

Tell = Callable[[str, int], None]  # (what is being done, rows so far)


def deep_profile(
    rows: Iterable[Row], sha256: str, tokenizers: list[dict[str, Any]], heldout: float, tell: Tell, folder: Path
) -> dict[str, Any]:
    """{facts, profile} of canonical rows, as `profile` gives and more; behind.parquet and lengths.parquet in `folder`.

    tokenizers: [{folder, vocab_sha256, title, context}]. Every count over a sample stands under `closely`, which says how
    many rows were looked at, and that it was every so-manyth one.
    """
    behind = Behind()
    passed = pass_over(rows, heldout, MOST, BUDGET, lambda done: tell("counting", done))
    sample = passed.sample.rows
    splits = [passed.splits.of(r) for r in sample]
    lengths = _lengths(sample, tokenizers, behind, tell)
    out = summary(passed, lengths)
    labels = passed.checks.task()["kind"] == "classification"
    tell("copies", 0)
    found = copies(sample, splits, labels, behind)
    tell("overlap", 0)
    found["across"]["runs"] = _overlap(sample, splits, behind)
    tell("languages, secrets", 0)
    out["closely"] = {
        "rows": len(sample),
        "of": passed.rows,
        "every": passed.sample.every,
        **found,
        "languages": _languages(sample, behind),
        "private": _private(sample, behind),
        "domains": domains(sample, lengths, behind),
        "label_variants": alike(passed.checks.labels)[:50] if labels else [],
        "label_typos": one_letter_apart(passed.checks.labels)[:50] if labels else [],
        "splits": dict(Counter(splits)),
    }
    behind.write(folder / FILES[0])
    write_lengths(folder / FILES[1], [r["number"] for r in sample], lengths)
    return {"facts": facts(passed, sha256, lengths), "profile": out}


def _lengths(
    sample: Sequence[Row], tokenizers: list[dict[str, Any]], behind: Behind, tell: Tell
) -> dict[str, dict[str, Any]]:
    """Each tokenizer's measurement of every `step`th row of the sample, with the cost of a cut."""
    step = _step(sample, len(tokenizers))
    rows = sample[::step]
    out: dict[str, dict[str, Any]] = {}
    for tokenizer in tokenizers:
        title = tokenizer.get("title", "")
        found = measure(rows, tokenizer, lambda done, title=title: tell(f"lengths: {title}", done))  # type: ignore[misc]
        for place in found["control"]:
            behind.add("control", tokenizer["vocab_sha256"], rows[place]["number"])
        found |= {"step": step, "every": step, "measured": len(rows), "costs": costs(found["prompts"], found["answers"])}  # fmt: skip
        found["both"] = [p + a for p, a in zip(found["prompts"], found["answers"], strict=True)]
        out[tokenizer["vocab_sha256"]] = found
    return out


def _step(sample: Sequence[Row], tokenizers: int) -> int:
    """Every so-manyth row of the sample is tokenised, so that many tokenizers or long rows stay within the budget."""
    over = max(
        len(sample) * tokenizers / MEASURED_ROWS, sum(map(characters, sample)) * tokenizers / MEASURED_CHARACTERS
    )
    return max(1, min(ceil(over), len(sample) // LEAST_MEASURED))


def _overlap(sample: Sequence[Row], splits: Sequence[str], behind: Behind) -> dict[str, Any]:
    """Training rows that hold thirteen words in a row of a held-out one."""
    sides = list(zip(sample, splits, strict=True))
    held = evaluation((r["number"], r) for r, s in sides if s == "heldout")
    return check(((r["number"], r) for r, s in sides if s == "train"), held, behind, "across", "words: ")


def _languages(sample: Sequence[Row], behind: Behind) -> list[list[Any]]:
    """[[language, rows]], most first."""
    found: Counter[str] = Counter()
    for row in sample:
        name = language(asked(row))
        found[name] += 1
        behind.add("language", name, row["number"])
    return [[name, n] for name, n in found.most_common(30)]


def _private(sample: Sequence[Row], behind: Behind) -> list[dict[str, Any]]:
    """[{kind, rows, found, examples: [{row, masked}]}]: values are never stored, only their masks."""
    kinds: dict[str, dict[str, Any]] = {}
    for row in sample:
        seen: set[str] = set()
        for text in (*(m["content"] or "" for m in row["messages"]), row["answer"] or ""):
            for kind, start, end in find(text):
                entry = kinds.setdefault(kind, {"kind": kind, "rows": 0, "found": 0, "examples": []})
                entry["found"] += 1
                if kind not in seen:
                    seen.add(kind)
                    entry["rows"] += 1
                    mask = masked(text[start:end])
                    behind.add("private", kind, row["number"], None, f"{kind}: {mask}")
                    if len(entry["examples"]) < MASKED_SHOWN:
                        entry["examples"].append({"row": row["number"], "masked": mask})
    return sorted(kinds.values(), key=lambda e: (-e["rows"], e["kind"]))
