"""Rows that repeat each other: exactly, nearly, across the split, and under different answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from ..behind import Behind
from ..minhash import NEAR, near_pairs
from ..private import covered
from ..split import GROUP, look_alike
from .labels import folded
from .sample import Row, asked

EXAMPLES, SHOWN = 5, 240  # examples a finding, characters of a text in one


def copies(rows: Sequence[Row], splits: Sequence[str], labels: bool, behind: Behind) -> dict[str, Any]:
    """{exact, near, across, noise}. `splits`: side of each row; `labels`: answers are labels, so near texts should agree."""
    pairs = near_pairs([asked(r) for r in rows])
    near = [(i, j, s) for i, j, s in pairs if rows[i]["row_id"][:GROUP] != rows[j]["row_id"][:GROUP]]
    return {
        "threshold": NEAR,
        "exact": _exact(rows, behind),
        "near": _near(rows, near, behind),
        "across": _across(rows, splits, near, behind),
        "noise": {
            "conflicts": _conflicts(rows, labels, behind),
            "neighbours": _neighbours(rows, near, behind) if labels else None,
        },
    }


def example(rows: Sequence[Row], i: int, j: int, score: float | None = None) -> dict[str, Any]:
    """Two rows side by side, cut for a page."""
    return {
        "similarity": score,
        "rows": [
            {"row": rows[k]["number"], "text": shown(asked(rows[k])), "answer": shown(rows[k]["answer"] or "")}
            for k in (i, j)
        ],
    }


def shown(text: str) -> str:
    """The beginning of a text for a page, without personal data or secrets: examples are stored with the profile."""
    return covered(text[: 2 * SHOWN])[:SHOWN]


def _exact(rows: Sequence[Row], behind: Behind) -> dict[str, Any]:
    """Rows with the prompt and the answer of an earlier one; the first of each group is no copy."""
    first: dict[str, int] = {}
    groups: Counter[str] = Counter()
    for row in rows:
        key = row["row_id"].partition(".")[0]
        if (before := first.setdefault(key, row["number"])) != row["number"]:
            groups[key] += 1
            behind.add("copies", "exact", row["number"], before)
    return {"rows": sum(groups.values()), "groups": len(groups), "largest": max(groups.values(), default=0) + 1}


def _near(rows: Sequence[Row], near: Sequence[tuple[int, int, float]], behind: Behind) -> dict[str, Any]:
    """Prompts that are not the same and share 70 % of their shingles or more."""
    found: set[int] = set()
    for i, j, score in near:
        found |= {i, j}
        behind.add("copies", "near", rows[i]["number"], rows[j]["number"], _words(score, rows[j]["number"]))
        behind.add("copies", "near", rows[j]["number"], rows[i]["number"], _words(score, rows[i]["number"]))
    best = sorted(near, key=lambda p: (-p[2], p[0], p[1]))[:EXAMPLES]
    return {"pairs": len(near), "rows": len(found), "examples": [example(rows, *p) for p in best]}


def _words(score: float, other: int) -> str:
    return f"{100 * score:.0f} % like row {other:,}"


def _across(
    rows: Sequence[Row], splits: Sequence[str], near: Sequence[tuple[int, int, float]], behind: Behind
) -> dict[str, Any]:
    """Held-out rows whose prompt, or nearly, stands among the training rows too."""
    trained = {r["row_id"][:GROUP]: r["number"] for r, s in zip(rows, splits, strict=True) if s == "train"}
    held = [i for i, s in enumerate(splits) if s == "heldout"]
    same = [i for i in held if rows[i]["row_id"][:GROUP] in trained]
    for i in same:
        behind.add("across", "exact", rows[i]["number"], trained[rows[i]["row_id"][:GROUP]])
    alike: dict[int, tuple[int, float]] = {}
    for i, j, score in near:
        if splits[i] != splits[j]:
            h, t = (i, j) if splits[i] == "heldout" else (j, i)
            alike[h] = max(alike.get(h, (t, 0.0)), (t, score), key=lambda p: p[1])
    for h, (t, score) in sorted(alike.items()):
        behind.add("across", "near", rows[h]["number"], rows[t]["number"], _words(score, rows[t]["number"]))
    best = sorted(alike.items(), key=lambda item: -item[1][1])[:EXAMPLES]
    return {
        "heldout": len(held),
        "exact": len(same),
        "near": len(alike),
        "examples": [example(rows, h, t, score) for h, (t, score) in best],
    }


def _conflicts(rows: Sequence[Row], labels: bool, behind: Behind) -> dict[str, Any]:
    """Prompts that look the same and stand under different answers; spelling variants of one label do not count."""
    groups: dict[str, list[int]] = {}
    for i, row in enumerate(rows):
        if row["answer"] is not None:
            groups.setdefault(row["row_id"][:GROUP], []).append(i)
    fold = folded if labels else look_alike
    found = [g for g in groups.values() if len(g) > 1 and len({fold(rows[i]["answer"]) for i in g}) > 1]
    for group in found:
        said = Counter(rows[i]["answer"][:60] for i in group).most_common(3)
        note = ", ".join(f"“{answer}” {n:,} ×" for answer, n in said)
        for i in group:
            behind.add("noise", "conflicts", rows[i]["number"], None, note)
    examples = [
        example(rows, g[0], next(i for i in g if fold(rows[i]["answer"]) != fold(rows[g[0]]["answer"])))
        for g in found[:EXAMPLES]
    ]
    return {"texts": len(found), "rows": sum(map(len, found)), "examples": examples}


def _neighbours(rows: Sequence[Row], near: Sequence[tuple[int, int, float]], behind: Behind) -> dict[str, Any]:
    """Labelled rows with nearly the same prompt, the same system words and different labels."""
    found: set[int] = set()
    pairs: list[tuple[int, int, float]] = []
    for i, j, score in near:
        a, b = rows[i]["answer"], rows[j]["answer"]
        if a is None or b is None or folded(a) == folded(b) or _system(rows[i]) != _system(rows[j]):
            continue
        pairs.append((i, j, score))
        for one, other, said in ((i, j, b), (j, i, a)):
            found.add(one)
            note = f"{_words(score, rows[other]['number'])}, which says “{said[:60]}”"
            behind.add("noise", "neighbours", rows[one]["number"], rows[other]["number"], note)
    best = sorted(pairs, key=lambda p: (-p[2], p[0], p[1]))[:EXAMPLES]
    return {"pairs": len(pairs), "rows": len(found), "examples": [example(rows, *p) for p in best]}


def _system(row: Row) -> str:
    return look_alike("\n".join(m["content"] or "" for m in row["messages"] if m["role"] == "system"))
