"""The table by domain: rows, tokens and labels of each kind or source of rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from ..behind import Behind
from .sample import Row, extras

MOST = 200  # domains in the table; the others are counted together
REST = "all others"


def domains(rows: list[Row], lengths: Mapping[str, dict[str, Any]], behind: Behind) -> list[dict[str, Any]]:
    """[{domain, rows, labelled, characters, tokens: {vocab_sha256: n}, labels: [[label, share]], different}], largest first.

    Empty when no row has a domain. Tokens are of the rows that each tokenizer measured.
    """
    of = [str(extras(r).get("domain") or "") if r.get("fields") else "" for r in rows]
    if not any(of):
        return []
    kept = {name for name, _ in Counter(of).most_common(MOST)}
    table: dict[str, dict[str, Any]] = {}
    for row, name in zip(rows, of, strict=True):
        shown = (name or "no domain") if name in kept else REST
        entry = table.setdefault(shown, {"rows": 0, "labelled": 0, "characters": 0, "labels": Counter(), "tokens": {}})
        _count(entry, row)
        behind.add("domain", shown, row["number"])
    for sha256, found in lengths.items():
        for place, tokens in enumerate(found["both"]):
            name = of[place * found["step"]]
            entry = table[(name or "no domain") if name in kept else REST]
            entry["tokens"][sha256] = entry["tokens"].get(sha256, 0) + tokens
    return [_shown(name, entry) for name, entry in sorted(table.items(), key=lambda item: (-item[1]["rows"], item[0]))]


def _count(entry: dict[str, Any], row: Row) -> None:
    entry["rows"] += 1
    entry["characters"] += sum(len(m["content"] or "") for m in row["messages"]) + len(row["answer"] or "")
    if row["answer"] is not None:
        entry["labelled"] += 1
        entry["labels"][row["answer"][:200]] += 1


def _shown(name: str, entry: dict[str, Any]) -> dict[str, Any]:
    labels, labelled = entry["labels"], max(1, entry["labelled"])
    few = len(labels) * 3 <= labelled
    return {
        "domain": name,
        "rows": entry["rows"],
        "labelled": entry["labelled"],
        "characters": entry["characters"],
        "tokens": entry["tokens"],
        "different": len(labels),
        "labels": [[label, n / labelled] for label, n in labels.most_common(3)] if few else [],
    }
