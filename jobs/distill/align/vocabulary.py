"""Two vocabularies laid over each other: tokens of the same bytes, and the nearest token by edit distance."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .dtw import edit_distance
from .spelling import Spelling

CANDIDATES = 64  # student tokens of the nearest lengths that are tried for a teacher token without a twin


@dataclass(frozen=True)
class Tables:
    """What is known of a pair of tokenizers; each table is made when first read. `size` ids of each are real."""

    student: Spelling
    teacher: Spelling
    student_size: int
    teacher_size: int
    student_end: int
    teacher_end: int

    @cached_property
    def shared(self) -> tuple[np.ndarray, np.ndarray]:
        """Ids of tokens that spell the same bytes: (student [K], teacher [K]), int64; the end tokens are one such pair."""
        mine = self._by_text
        pairs = [(mine[text], id) for id, text in self.teacher.vocabulary.items() if text in mine]
        pairs = _first_of_each([(s, t) for s, t in pairs if t < self.teacher_size])
        pairs.append((self.student_end, self.teacher_end))
        both = np.asarray(sorted(pairs), dtype=np.int64)
        return both[:, 0], both[:, 1]

    @cached_property
    def nearest(self) -> np.ndarray:
        """For each teacher id the student id whose text is nearest, int64 [teacher_size]; -1 for control tokens.

        Equal bytes first. Others: least edit distance among student tokens of the same first two bytes, else of the same
        first byte, else among all; of a large crowd those of the nearest lengths.
        """
        out = np.full(self.teacher_size, -1, dtype=np.int64)
        for id, text in self.teacher.vocabulary.items():
            if id < self.teacher_size:
                out[id] = self._by_text[text] if text in self._by_text else self._closest(text)
        out[self.teacher_end] = self.student_end
        return out

    @cached_property
    def _by_text(self) -> dict[bytes, int]:
        found: dict[bytes, int] = {}
        for id, text in self.student.vocabulary.items():
            if id < self.student_size:
                found.setdefault(text, id)
        return found

    @cached_property
    def _by_first(self) -> dict[bytes, list[bytes]]:
        """Student texts by their first two bytes, their first, and all; the short ones first."""
        found: dict[bytes, list[bytes]] = {}
        for text in sorted(self._by_text, key=lambda t: (len(t), t)):
            for key in {text[:2], text[:1], b""}:
                found.setdefault(key, []).append(text)
        return found

    def _closest(self, text: bytes) -> int:
        pool = next(p for k in (text[:2], text[:1], b"") if (p := self._by_first.get(k)))
        if len(pool) > CANDIDATES:  # those of the nearest lengths stand together
            middle = bisect_left(pool, (len(text), text), key=lambda t: (len(t), t))
            pool = pool[max(0, min(middle, len(pool) - CANDIDATES // 2) - CANDIDATES // 2) :][:CANDIDATES]
        return self._by_text[min(pool, key=lambda t: (edit_distance(text, t), t))]


def _first_of_each(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """At most one partner for each id of either side."""
    seen: tuple[set[int], set[int]] = (set(), set())
    out = []
    for s, t in sorted(pairs):
        if s not in seen[0] and t not in seen[1]:
            seen[0].add(s)
            seen[1].add(t)
            out.append((s, t))
    return out
