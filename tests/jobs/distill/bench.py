"""What verifiers and rules are tried with: rows in a line, and a bench whose models say what a function says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jobs.distill.asking import Reply, Request
from jobs.distill.rows import Row
from jobs.distill.selection.base import Read


def row(id: str, question: str = "q", answer: str | None = None, by: str = "", parent: str = "", **fields: Any) -> Row:
    """A row; with `by` it was written, for the question `parent`."""
    if by:
        fields["lineage"] = {"parents": [parent or id], "by": by, "stage": "write"}
    return Row(id, ({"role": "user", "content": question},), answer, "train", 0, False, fields)


@dataclass
class Bench:
    """`says(who, request)` is what a model answers, `reads(who, row)` nats and tokens, `gives(row)` a reward."""

    says: Callable[[str, Request], str] = lambda who, request: ""
    reads: Callable[[str, Any], tuple[float, int]] = lambda who, row: (1.0, 1)
    gives: Callable[[Any], float] = lambda row: 0.0
    seed: int = 0
    heldout: Sequence[Row] = ()
    earlier: Sequence[Row] = ()
    notes: list[str] = field(default_factory=list)
    asked: list[tuple[str, Request]] = field(default_factory=list)

    def ask(self, who: str, requests: Sequence[Request]) -> list[Reply]:
        self.asked += [(who, r) for r in requests]
        return [Reply(r.sha256, self.says(who, r)) for r in requests]

    def read(self, who: str, rows: Sequence[Any]) -> Mapping[str, Read]:
        return {r.row_id: Read(*self.reads(who, r)) for r in rows if r.answer is not None}

    def reward(self, model: str, rows: Sequence[Any]) -> Mapping[str, float]:
        return {r.row_id: self.gives(r) for r in rows}

    def note(self, text: str, level: str = "info") -> None:
        self.notes.append(f"{level}: {text}")
