"""Labels that are probably the same one: they look alike, or are one letter apart."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..split import look_alike

MOST = 2000  # labels that are compared
LEAST_LETTERS = 5  # shorter labels one letter apart are usually meant: cat, car
SEPARATORS = re.compile(r"[\W_]+")


def folded(label: str) -> str:
    """The label's letters and digits alone: `Card_arrival`, `card arrival` and `card-arrival?` are one."""
    seen = look_alike(label)
    return SEPARATORS.sub("", seen) or seen


def alike(labels: Mapping[str, int]) -> list[list[Any]]:
    """Groups [[label, rows], ...] that differ only in case, spaces and signs; the largest label of each first."""
    groups: dict[str, list[list[Any]]] = {}
    for label, n in sorted(labels.items(), key=lambda item: (-item[1], item[0]))[:MOST]:
        groups.setdefault(folded(label), []).append([label, n])
    return [g for g in groups.values() if len(g) > 1]


def one_letter_apart(labels: Mapping[str, int]) -> list[list[Any]]:
    """[[rare label, rows, common label, rows]]: one letter more, fewer or other, and ten times rarer."""
    by_text: dict[str, tuple[str, int]] = {}
    for label, n in sorted(labels.items(), key=lambda item: (-item[1], item[0]))[:MOST]:
        by_text.setdefault(folded(label), (label, n))
    holes: dict[str, list[str]] = {}
    for text in by_text:
        if len(text) >= LEAST_LETTERS:
            for hole in {text, *(text[:i] + text[i + 1 :] for i in range(len(text)))}:
                holes.setdefault(hole, []).append(text)
    found = {(a, b) for texts in holes.values() for a in texts for b in texts if a != b and _apart(a, b)}
    pairs = [(by_text[a], by_text[b]) for a, b in sorted(found) if by_text[a][1] * 10 <= by_text[b][1]]
    return [[rare, n, common, m] for (rare, n), (common, m) in pairs]


def _apart(a: str, b: str) -> bool:
    """One change apart, and not only in a digit: `level 1` and `level 2` are meant."""
    if abs(len(a) - len(b)) > 1 or re.sub(r"\d", "", a) == re.sub(r"\d", "", b):
        return False
    if len(a) == len(b):
        return sum(x != y for x, y in zip(a, b, strict=True)) == 1
    short, long = sorted((a, b), key=len)
    return any(long[:i] + long[i + 1 :] == short for i in range(len(long)))
