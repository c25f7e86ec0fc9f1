"""Do training rows hold what evaluation rows ask? Exactly the same question, or thirteen words in a row.

A question is the same when it looks the same (case, white space and invisible characters do not count). A run of words
(an n-gram of 13, the usual length) counts in the user's turns and in the answer, never in the system's words. Runs that
stand in more than ten evaluation rows are boilerplate of prompts and left out; how many is said. In writing without
spaces between words each character counts as a word.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ..behind import Behind
from ..minhash import mixed
from ..split import digest, look_alike
from .copies import EXAMPLES, shown
from .sample import Row, asked

WORDS = 13
BOILERPLATE = 10  # evaluation rows that may share a run of words before it counts for nothing
MOST_RUNS = 20_000_000  # runs of evaluation rows kept: 16 bytes each
_ALONE = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
WORD = re.compile(f"[{_ALONE}]|[^\\W{_ALONE}]+")

Runs = npt.NDArray[np.uint64]


def runs(text: str) -> Runs:
    """Distinct 64-bit hashes of every thirteen words in a row; none for a shorter text."""
    words = WORD.findall(look_alike(text))
    if len(words) < WORDS:
        return np.zeros(0, dtype=np.uint64)
    each = np.array([zlib.crc32(w.encode("utf-8", "surrogatepass")) for w in words], dtype=np.uint64)
    total = np.zeros(len(words) - WORDS + 1, dtype=np.uint64)
    for i in range(WORDS):
        total = mixed(total * np.uint64(31) + each[i : len(words) - WORDS + 1 + i])
    return np.unique(total)


def row_runs(row: Row) -> Runs:
    return np.union1d(runs(asked(row)), runs(row["answer"] or ""))


def question(row: Row) -> int:
    """A hash of the user's turns as they look."""
    return int(digest(*(look_alike(m["content"] or "") for m in row["messages"] if m["role"] == "user"))[:16], 16)


@dataclass
class Evaluation:
    """The rows that must not be learnt: questions and runs of words, each with the first row that has it."""

    rows: int = 0
    short: int = 0  # rows without a run of words: only their whole question is looked for
    every: int = 1  # rows whose runs were kept: each, or every second ... when there were too many
    questions: dict[int, int] = field(default_factory=dict)
    _runs: list[Runs] = field(default_factory=list)
    _owners: list[npt.NDArray[np.int32]] = field(default_factory=list)
    _kept: int = 0
    boilerplate: int = 0
    keys: Runs = field(default_factory=lambda: np.zeros(0, dtype=np.uint64))
    owners: npt.NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, dtype=np.int32))

    def see(self, number: int, row: Row) -> None:
        self.rows += 1
        self.questions.setdefault(question(row), number)
        found = row_runs(row)
        self.short += not len(found)
        if (self.rows - 1) % self.every == 0:
            self._runs.append(found)
            self._owners.append(np.full(len(found), number, dtype=np.int32))
            self._kept += len(found)
        if self._kept > MOST_RUNS and len(self._runs) > 1:
            self._runs, self._owners, self.every = self._runs[::2], self._owners[::2], self.every * 2
            self._kept = sum(map(len, self._runs))

    def close(self) -> Evaluation:
        """Sorts the runs and leaves the boilerplate out."""
        if self._runs:
            keys, owners = np.concatenate(self._runs), np.concatenate(self._owners)
            order = np.argsort(keys, kind="stable")
            self.keys, first, counts = np.unique(keys[order], return_index=True, return_counts=True)
            own = counts <= BOILERPLATE
            self.boilerplate = int((~own).sum())
            self.keys, self.owners = self.keys[own], owners[order][first][own]
        self._runs, self._owners = [], []
        return self

    def hits(self, found: Runs) -> tuple[int, int, list[int]]:
        """(runs of the row that are also here, the row here that has most of them, all rows here that have one)."""
        if not len(self.keys) or not len(found):
            return 0, 0, []
        at = np.minimum(np.searchsorted(self.keys, found), len(self.keys) - 1)
        owners = self.owners[at[self.keys[at] == found]]
        if not len(owners):
            return 0, 0, []
        rows, counts = np.unique(owners, return_counts=True)
        return len(owners), int(rows[counts.argmax()]), rows.tolist()


def evaluation(rows: Iterable[tuple[int, Row]]) -> Evaluation:
    """Numbered rows (from 1 in their own file) as something training rows can be held against."""
    out = Evaluation()
    for number, row in rows:
        out.see(number, row)
    return out.close()


def check(
    trained: Iterable[tuple[int, Row]], held: Evaluation, behind: Behind, kind: str, prefix: str = ""
) -> dict[str, Any]:
    """Counts of training rows that hold evaluation rows, and of evaluation rows that are held.

    {words, looked, exact: {rows, others}, runs: {rows, others}, either: {rows, others, share}, short, boilerplate, every,
    examples}; the rows go to `behind` under kind, "exact" and "runs" (with `prefix`).
    """
    looked, exact, shared = 0, _Side(), _Side()
    examples: list[dict[str, Any]] = []
    for number, row in trained:
        looked += 1
        if (other := held.questions.get(question(row))) is not None:
            exact.add(number, [other])
            behind.add(kind, prefix + "exact", number, other, f"the question of row {other:,} there")
        found = row_runs(row)
        count, best, others = held.hits(found)
        if count:
            shared.add(number, others)
            share = count / len(found)
            behind.add(kind, prefix + "runs", number, best, f"{100 * share:.0f} % of its runs of 13 words, row {best:,} there")  # fmt: skip
            _keep(examples, {"row": number, "other": best, "share": round(share, 4), "text": shown(asked(row))})
    either, others_of = exact.mine | shared.mine, exact.theirs | shared.theirs
    return {
        "words": WORDS,
        "looked": looked,
        "others": held.rows,
        "exact": exact.counts(),
        "runs": shared.counts(),
        "either": {"rows": len(either), "others": len(others_of), "share": len(others_of) / max(1, held.rows)},
        "short": held.short,
        "boilerplate": held.boilerplate,
        "every": held.every,
        "examples": sorted(examples, key=lambda e: (-e["share"], e["row"])),
    }


@dataclass
class _Side:
    mine: set[int] = field(default_factory=set)
    theirs: set[int] = field(default_factory=set)

    def add(self, number: int, others: Iterable[int]) -> None:
        self.mine.add(number)
        self.theirs.update(others)

    def counts(self) -> dict[str, int]:
        return {"rows": len(self.mine), "others": len(self.theirs)}


def _keep(examples: list[dict[str, Any]], one: dict[str, Any]) -> None:
    """The few with the largest share."""
    examples.append(one)
    if len(examples) > EXAMPLES:
        examples.remove(min(examples, key=lambda e: (e["share"], -e["row"])))


def numbered(rows: Iterable[Row]) -> Iterator[tuple[int, Row]]:
    """Rows with their number in the file, from 1."""
    yield from enumerate(rows, start=1)
