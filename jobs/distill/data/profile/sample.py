"""Rows kept for a closer look: all of them, or every second, fourth, eighth ... when they would not fit."""

from __future__ import annotations

import json
from array import array
from typing import Any

from ..split import GROUP, split_of

Row = dict[str, Any]  # a canonical row with its `number`, from 1 in the order of the file


def characters(row: Row) -> int:
    return sum(len(m["content"] or "") for m in row["messages"]) + len(row["answer"] or "")


def asked(row: Row) -> str:
    """What the user says: every user turn, one under the other. Systems' words are the same in every row."""
    return "\n".join(m["content"] or "" for m in row["messages"] if m["role"] == "user")


def extras(row: Row) -> dict[str, Any]:
    return dict(json.loads(row.get("fields") or "{}"))


class Sample:
    """At most `most` rows and `budget` characters, evenly spread over the file without knowing its end: `every` nth row."""

    def __init__(self, most: int, budget: int) -> None:
        self.most, self.budget = most, budget
        self.rows: list[Row] = []
        self.every, self._characters = 1, 0

    def see(self, number: int, row: Row) -> None:
        """Row `number` (from 1) passes; every `every`th is kept."""
        if (number - 1) % self.every:
            return
        self.rows.append({**row, "number": number})
        self._characters += characters(row)
        while (len(self.rows) > self.most or self._characters > self.budget) and len(self.rows) > 1:
            self.rows, self.every = self.rows[::2], self.every * 2
            self._characters = sum(map(characters, self.rows))


class Splits:
    """Which side each row belongs to, as `split.assign_splits` says, in some bytes a row instead of a row in memory."""

    def __init__(self, heldout: float) -> None:
        self.share, self.train, self.held_labelled = heldout, 0, 0
        self._held: set[int] = set()
        self._waiting = array("Q")  # prompts of rows without answer or split: they follow the copies of their prompt

    def see(self, row: Row) -> None:
        group = int(row["row_id"][:GROUP], 16)
        split = row["split"] or (split_of(row["row_id"], self.share) if row["answer"] is not None else "")
        if split == "heldout":
            self._held.add(group)
            self.held_labelled += row["answer"] is not None
        elif split == "train":
            self.train += 1
        else:
            self._waiting.append(group)

    def train_rows(self) -> int:
        return self.train + sum(group not in self._held for group in self._waiting)

    def of(self, row: Row) -> str:
        """`train` or `heldout`, once every row has been seen."""
        if row["split"]:
            return str(row["split"])
        if row["answer"] is not None:
            return split_of(row["row_id"], self.share)
        return "heldout" if int(row["row_id"][:GROUP], 16) in self._held else "train"
