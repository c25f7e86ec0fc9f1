"""Reads the shipped public data and cuts it into the parts of the sample.

Banking77's train split is cut in two by hash, intent by intent. The teacher learns from one half;
the other half is what a user of the workbench would have: a few labelled questions and many without
a label, none of which the teacher has seen. Banking77's test split is the frozen held-out part.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

SHIPPED = Path(__file__).parent / "data"
LABELLED_PER_INTENT = 10


@dataclass(frozen=True)
class Question:
    """A customer's question with its gold intent in words, and the row it came from."""

    text: str
    answer: str
    line: int

    @property
    def key(self) -> str:
        """The question without case and spacing: two rows with one key are the same question."""
        return " ".join(self.text.lower().split())


@dataclass(frozen=True)
class Banking77:
    """Banking77 without repeated questions, in the parts the sample needs."""

    teacher_half: list[Question]
    labelled: list[Question]
    unlabelled: list[Question]
    heldout: list[Question]

    @property
    def intents(self) -> list[str]:
        return sorted({question.answer for question in self.teacher_half})


def intent_words(label: str) -> str:
    """`Refund_not_showing_up` is `refund not showing up`; a trailing question mark goes."""
    return label.replace("_", " ").strip("? ").lower()


def read_shipped(name: str) -> str:
    """The text of one shipped file, for instance `banking77/train.csv`."""
    return gzip.decompress((SHIPPED / f"{name}.gz").read_bytes()).decode("utf-8")


def read_banking77(split: str) -> list[Question]:
    """The rows of a split in file order. `line` counts records from 1, the header not among them."""
    rows = csv.DictReader(io.StringIO(read_shipped(f"banking77/{split}.csv"), newline=""))
    return [
        Question(" ".join(row["text"].split()), intent_words(row["category"]), line)
        for line, row in enumerate(rows, start=1)
    ]


def read_clinc150() -> list[Question]:
    """Every in-scope row of CLINC150: 150 intents with 100 questions each."""
    splits = json.loads(read_shipped("clinc150/data_small.json"))
    pairs = [pair for name in ("train", "val", "test") for pair in splits[name]]
    return [
        Question(" ".join(text.split()), intent_words(label), line) for line, (text, label) in enumerate(pairs, start=1)
    ]


def split_banking77() -> Banking77:
    """Cuts by hash, so that the parts depend on the rows and on nothing else."""
    heldout = without_repeats(read_banking77("test"))
    train = without_repeats(read_banking77("train"), seen={row.key for row in heldout})
    teacher_half: list[Question] = []
    labelled: list[Question] = []
    unlabelled: list[Question] = []
    for rows in by_intent(train).values():
        middle = len(rows) // 2
        teacher_half += rows[:middle]
        labelled += rows[middle : middle + LABELLED_PER_INTENT]
        unlabelled += rows[middle + LABELLED_PER_INTENT :]
    return Banking77(
        in_hash_order(teacher_half), in_hash_order(labelled), in_hash_order(unlabelled), in_hash_order(heldout)
    )


def without_repeats(questions: Iterable[Question], seen: Iterable[str] = ()) -> list[Question]:
    """The first row of each question, and none whose key is in `seen`."""
    known = set(seen)
    kept = []
    for question in questions:
        if question.key not in known:
            known.add(question.key)
            kept.append(question)
    return kept


def by_intent(questions: Iterable[Question]) -> dict[str, list[Question]]:
    """The questions of each intent in hash order, intents in alphabetical order."""
    groups: dict[str, list[Question]] = defaultdict(list)
    for question in in_hash_order(questions):
        groups[question.answer].append(question)
    return dict(sorted(groups.items()))


def in_hash_order(questions: Iterable[Question]) -> list[Question]:
    """Mixed, the same way each time: Banking77's files are sorted by intent."""
    return sorted(questions, key=lambda question: hashlib.sha256(question.key.encode()).hexdigest())
