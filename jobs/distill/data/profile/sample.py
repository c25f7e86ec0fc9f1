"""Rows kept for a closer look: all of them, or every second, fourth, eighth ... when they would not fit."""

from __future__ import annotations

import hashlib
import json
from array import array
from typing import Any

from ..families import GROUP, Groups, group_key, group_of, prompt_key
from ..split import side_of

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
        self.share, self._train, self._held_labelled = heldout, 0, 0
        self._groups = Groups()
        self._own: set[int] = set()  # prompts that the rows' own split holds out
        self._labelled, self._unlabelled = array("Q"), array("Q")  # prompts of rows without a split of their own
        self._held: set[str] | None = None
        self._odd: dict[int, str] = {}  # prompts of rows whose ids are not ours: their number -> as it is written

    def see(self, row: Row) -> None:
        prompt = self._number(row["row_id"][:GROUP])
        if (group := group_of(row)) is not None:
            self._groups.join(group_key(group), prompt_key(row))
        if row["split"] == "heldout":
            self._own.add(prompt)
            self._held_labelled += row["answer"] is not None
        elif row["split"]:
            self._train += 1
        else:
            (self._unlabelled if row["answer"] is None else self._labelled).append(prompt)

    def _number(self, prompt: str) -> int:
        """Eight bytes instead of a text. Rows that a file brought with ids of its own keep theirs beside."""
        try:
            number = int(prompt, 16)
            if f"{number:0{GROUP}x}" == prompt:
                return number
        except ValueError:
            pass
        number = 1 << 63 | int(hashlib.sha256(prompt.encode()).hexdigest()[:15], 16)
        self._odd[number] = prompt
        return number

    def _family(self, prompt: int) -> str:
        return self._groups.find("p" + (self._odd.get(prompt) or f"{prompt:0{GROUP}x}"))

    def _families_held(self) -> set[str]:
        """Families of which something is held out, once every row has been seen."""
        if self._held is None:
            hashed = {f for f in map(self._family, self._labelled) if side_of(f, self.share) == "heldout"}
            self._held = hashed | {self._family(prompt) for prompt in self._own}
        return self._held

    @property
    def held_labelled(self) -> int:
        return self._held_labelled + sum(side_of(self._family(p), self.share) == "heldout" for p in self._labelled)

    def train_rows(self) -> int:
        held = self._families_held()
        hashed = sum(side_of(self._family(p), self.share) == "train" for p in self._labelled)
        return self._train + hashed + sum(self._family(p) not in held for p in self._unlabelled)

    def of(self, row: Row) -> str:
        """`train` or `heldout`, once every row has been seen."""
        if row["split"]:
            return str(row["split"])
        family = self._family(int(row["row_id"][:GROUP], 16))
        if row["answer"] is not None:
            return side_of(family, self.share)
        return "heldout" if family in self._families_held() else "train"
