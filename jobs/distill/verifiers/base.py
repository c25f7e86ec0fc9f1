"""What every verifier looks like: rows in, a verdict for each with its reason out. Light: no torch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from ..asking.request import Reply, Request
from ..errors import DataRefused
from ..parts import Described
from ..selection.base import Read


class Row(Protocol):
    """What verifiers read of a row; `rows.Row` is one. The written answer is `answer`, what it is held against is
    `fields["gold"]`, its reasoning `fields["rationale"]`, where it came from `fields["lineage"]`."""

    @property
    def row_id(self) -> str: ...

    @property
    def messages(self) -> tuple[dict[str, str], ...]: ...

    @property
    def answer(self) -> str | None: ...

    @property
    def fields(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True)
class Verdict:
    """`reason` says in plain words why not, or what was found. `score` is a number a later step may rank rows by."""

    ok: bool
    reason: str = ""
    score: float | None = None


class Bench(Protocol):
    """What a verifier may use beside the rows. The stage that runs it supplies it."""

    @property
    def seed(self) -> int: ...

    @property
    def heldout(self) -> Sequence[Row]:
        """Evaluation rows: nothing of theirs may be learnt."""
        ...

    @property
    def earlier(self) -> Sequence[Row]:
        """Pairs and rankings that rules made before in this run, oldest first."""
        ...

    def ask(self, who: str, requests: Sequence[Request]) -> list[Reply]:
        """One reply a request, in order, from `teacher`, `student`, `judge` or another name of the recipe. Replies that are
        not ok come back too."""
        ...

    def read(self, who: str, rows: Sequence[Row]) -> Mapping[str, Read]:
        """What a model makes of the answers, by row id; a row it could not read is missing."""
        ...

    def reward(self, model: str, rows: Sequence[Row]) -> Mapping[str, float]:
        """What the reward model of the stage called `model` gives the answers, by row id; a row it could not read is
        missing."""
        ...

    def note(self, text: str, level: str = "info") -> None:
        """A sentence for the run's log; level: info or warning."""
        ...


class Verifier(Described, ABC):
    """A check. `needs` words: "gold" (every row brings the right answer), "heldout" (evaluation rows), and the names of
    those it asks or lets read ("teacher", "student", "judge", "reference").

    `pooled`: verdicts depend on which rows are checked together (near copies, votes), so a stage hands over the whole
    pool at once; others may be checked in portions.
    """

    kind: ClassVar[str] = "verifier"
    needs: ClassVar[frozenset[str]] = frozenset()
    pooled: ClassVar[bool] = False

    @abstractmethod
    def check(self, rows: Sequence[Row], options: Any, bench: Bench) -> list[Verdict]:
        """One verdict a row, in order. Raises DataRefused where no row could ever be checked (a field is missing), never
        for what a single answer says."""


class EachRow(Verifier):
    """A verifier that looks at one row at a time."""

    def check(self, rows: Sequence[Row], options: Any, bench: Bench) -> list[Verdict]:
        return [self.one(row, options) for row in rows]

    @abstractmethod
    def one(self, row: Row, options: Any) -> Verdict: ...


def parent_of(row: Row) -> str:
    """The row that this one was written for: candidates of one question share it. A row that nobody wrote is its own."""
    lineage = row.fields.get("lineage")
    parents = lineage.get("parents") if isinstance(lineage, Mapping) else None
    return str(parents[0]) if parents else row.row_id


def by_question(rows: Sequence[Row]) -> dict[tuple[str, str], list[int]]:
    """Places in `rows` of the answers to each question: of one parent, and in the same words. One document may have many."""
    out: dict[tuple[str, str], list[int]] = {}
    for i, row in enumerate(rows):
        said = "\0".join(f"{m['role']}:{m['content']}" for m in row.messages)
        out.setdefault((parent_of(row), said), []).append(i)
    return out


def written(row: Row) -> str:
    """The answer that is checked; empty where none was written."""
    return row.answer or ""


def asked(row: Row) -> str:
    """The user's turns: what the row asks."""
    return "\n\n".join(m["content"] for m in row.messages if m["role"] == "user")


def rationale_of(row: Row) -> str:
    """The reasoning a row carries beside its answer; empty where there is none."""
    return str(row.fields.get("rationale") or "")


def gold_of(row: Row) -> str | None:
    """The answer the data came with; None where the row has none."""
    gold = row.fields.get("gold")
    return None if gold is None else str(gold)


def need_gold(rows: Sequence[Row], title: str) -> None:
    """Raises DataRefused when no row has a gold answer: the verifier could only drop everything."""
    if rows and all(gold_of(row) is None for row in rows):
        raise DataRefused(
            f"“{title}” compares with the right answer, and none of the {len(rows):,} rows brings one.",
            field="verify",
            hint="Take rows that came with answers, or a verifier that needs none.",
        )


NO_GOLD = Verdict(False, "the row has no right answer to compare with")


def shown(text: str, most: int = 60) -> str:
    """The beginning of a text as a reason quotes it, on one line."""
    flat = " ".join(text[: 4 * most].split())
    return f"“{flat if len(flat) <= most else flat[: most - 1] + '…'}”"
