"""Rows that must stand on one side of the split: the same prompt as it looks, the same group, directly or through others."""

from __future__ import annotations

import json
from typing import Any

GROUP = 12  # hexadecimal digits of a row id that belong to its prompt


class Groups:
    """Union-find over texts. The smallest member names the whole, so that the order of joining does not matter."""

    def __init__(self) -> None:
        self.parent: dict[str, str] = {}

    def find(self, x: str) -> str:
        """The name of the whole that x belongs to; x itself where it was joined with nothing."""
        root = x
        while (up := self.parent.get(root, root)) != root:
            root = up
        while (up := self.parent.get(x, x)) != root:
            self.parent[x], x = root, up
        return root

    def join(self, a: str, b: str) -> None:
        low, high = sorted((self.find(a), self.find(b)))
        if low != high:
            self.parent[high] = low


def prompt_key(row: dict[str, Any]) -> str:
    """The row's prompt as it looks. Prompts sort behind groups, so a group names its family and new rows move none."""
    return "p" + str(row["row_id"][:GROUP])


def group_key(group: str) -> str:
    return "g" + group


def group_of(row: dict[str, Any]) -> str | None:
    """The group of a canonical row; None where it has none."""
    fields = row.get("fields")
    if not fields or '"group"' not in fields:
        return None
    return json.loads(fields).get("group") or None
