"""Choices that many transforms share: which rows a step is about, and an order of rows that depends on content and seed alone."""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Literal, TypeVar

from .texts import field_of

Row = dict[str, Any]
Of = Literal["all", "train", "heldout"]
OF = {"all": "All rows", "train": "Training rows (those not held out)", "heldout": "Held-out rows"}
By = Literal["label", "domain", "group", "split"]
BY = {"label": "Label", "domain": "Domain", "group": "Group", "split": "Split"}
T = TypeVar("T")


def concerns(row: Row, of: Of) -> bool:
    """Rows without a split count as training rows: a run may still hold some of them out."""
    return of == "all" or (row["split"] == "heldout") == (of == "heldout")


def value_of(row: Row, by: str) -> str | None:
    """Label, domain, group or split of a row; None where it has none."""
    if by == "label":
        return row["answer"]
    return row["split"] if by == "split" else field_of(row, by) or None


def batches(rows: Iterable[T], size: int = 512) -> Iterator[list[T]]:
    it = iter(rows)
    while batch := list(islice(it, size)):
        yield batch


class Order:
    """A place in a shuffled order for each row: by content and seed, copies told apart by how often they came before."""

    def __init__(self, seed: int) -> None:
        self.seed, self.times = seed, Counter[str]()

    def of(self, row: Row) -> bytes:
        n = self.times[row["row_id"]]
        self.times[row["row_id"]] += 1
        return hashlib.sha256(f"{self.seed}:{row['row_id']}:{n}".encode()).digest()[:12]


def shown(text: str | None, length: int = 60) -> str:
    """A text of a row inside a sentence."""
    if text is None:
        return "none"
    text = "".join(c if unicodedata.category(c)[0] != "C" else " " for c in text)
    return f"“{text[:length]}…”" if len(text) > length else f"“{text}”"
