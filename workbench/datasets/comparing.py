"""Two profiles side by side: every number with its change, ready for a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

MOST_LABELS = 50

Line = dict[str, Any]  # {name, before, after, change, unit}: numbers or None; change = after - before


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, Any]]:
    """[{title, lines, note}] of two {counts, profile}: sections that both or one of them can fill."""
    old, new = before["profile"] or {}, after["profile"] or {}
    a, b = old.get("closely") or {}, new.get("closely") or {}
    sections = [
        {"title": "Rows", "lines": _counts(before["counts"] or {}, after["counts"] or {})},
        {"title": "Copies and overlap", "lines": _findings(old, new)},
        {"title": "Lengths", "lines": _lengths(old.get("tokens") or {}, new.get("tokens") or {})},
        _labels(dict(old.get("labels") or []), dict(new.get("labels") or [])),
        {"title": "Languages", "lines": _each(dict(a.get("languages") or []), dict(b.get("languages") or []), "rows")},
        {
            "title": "Personal data and secrets",
            "lines": _each(_by(a, "private", "kind"), _by(b, "private", "kind"), "rows"),
        },
        {"title": "Domains", "lines": _each(_by(a, "domains", "domain"), _by(b, "domains", "domain"), "rows")},
    ]
    for section in sections:
        section.setdefault("note", "")
    return [s for s in sections if s["lines"]]


def sampled_differently(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """A sentence when the two closer looks cannot be compared number by number; empty when they can."""
    a, b = ((p["profile"] or {}).get("closely") or {} for p in (before, after))
    if not a or not b:
        return "One of the two was not looked at closely: copies, languages and personal data cannot be compared."
    if a["every"] == b["every"]:
        return ""
    return f"Looked at closely: {a['rows']:,} of {a['of']:,} rows before, {b['rows']:,} of {b['of']:,} after. Counts of copies grow with the rows looked at."


def line(name: str, before: Any, after: Any, unit: str = "rows") -> Line:
    both = isinstance(before, (int, float)) and isinstance(after, (int, float))
    return {"name": name, "before": before, "after": after, "change": after - before if both else None, "unit": unit}


def _counts(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[Line]:
    names = (("rows", "Rows"), ("labelled", "Labelled"), ("unlabelled", "Unlabelled"), ("heldout", "Held out by the file"), ("refused", "Refused"))  # fmt: skip
    return [line(title, a.get(n), b.get(n)) for n, title in names if a.get(n) is not None or b.get(n) is not None]


FINDINGS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Exact copies", ("exact", "rows")),
    ("Rows with a near copy", ("near", "rows")),
    ("Held-out questions also in training", ("across", "exact")),
    ("Held-out rows with a near copy in training", ("across", "near")),
    ("Training rows with 13 words of a held-out one", ("across", "runs", "runs", "rows")),
    ("Rows whose text has two answers", ("noise", "conflicts", "rows")),
    ("Rows whose near neighbour disagrees", ("noise", "neighbours", "rows")),
)


def _findings(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Line]:
    a, b = old.get("closely") or {}, new.get("closely") or {}
    out = [line(title, _at(a, path), _at(b, path)) for title, path in FINDINGS]
    out.append(line("Rows with control-token text", old.get("control_text_rows"), new.get("control_text_rows")))
    return [one for one in out if one["before"] is not None or one["after"] is not None]


def _at(value: Any, path: Iterable[str]) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _lengths(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[Line]:
    out: list[Line] = []
    for sha256 in sorted({*a, *b}, key=lambda s: str((b.get(s) or a.get(s) or {}).get("title"))):
        old, new = a.get(sha256) or {}, b.get(sha256) or {}
        title = new.get("title") or old.get("title") or ""
        for name in ("median", "95 %", "longest"):
            out.append(line(f"{title}: {name}", _at(old, ("total", name)), _at(new, ("total", name)), "tokens"))
        out.append(line(f"{title}: longer than the context", old.get("over_context"), new.get("over_context")))
    return out


def _labels(a: Mapping[str, int], b: Mapping[str, int]) -> dict[str, Any]:
    """The labels whose share changed most."""
    lines = _each(a, b, "rows")
    total_a, total_b = max(1, sum(a.values())), max(1, sum(b.values()))

    def moved(one: Line) -> float:
        return abs((one["after"] or 0) / total_b - (one["before"] or 0) / total_a)

    shown = sorted(lines, key=lambda one: (-moved(one), one["name"]))[:MOST_LABELS]
    note = f"The {MOST_LABELS} labels whose share changed most, of {len(lines):,}." if len(lines) > MOST_LABELS else ""
    return {"title": "Labels", "lines": shown, "note": note}


def _each(a: Mapping[str, Any], b: Mapping[str, Any], unit: str) -> list[Line]:
    """A line for every name in either, 0 where it is missing; none when both are empty."""
    return [line(name, a.get(name, 0), b.get(name, 0), unit) for name in sorted({*a, *b}, key=lambda n: (-(b.get(n) or 0), n))]  # fmt: skip


def _by(closely: Mapping[str, Any], table: str, name: str) -> dict[str, int]:
    return {str(entry[name]): int(entry["rows"]) for entry in closely.get(table) or []}
