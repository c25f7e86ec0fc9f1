"""Writes the sample dataset: the CSV a user would upload, and the same rows as Parquet."""

from __future__ import annotations

import csv
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.samples.data import in_hash_order, split_banking77

SCHEMA = pa.schema(
    [
        ("row_id", pa.string()),
        ("messages", pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))),
        ("answer", pa.string()),
        ("split", pa.string()),
        ("line", pa.int64()),
    ]
)


@dataclass(frozen=True)
class SampleRow:
    """A question as the user has it: `answer` is None where nobody has labelled it."""

    text: str
    answer: str | None
    split: str

    @property
    def row_id(self) -> str:
        """16 hexadecimal digits of the hash of what the row says."""
        content = json.dumps([self.text, self.answer, self.split], ensure_ascii=False)
        return hashlib.sha256(content.encode()).hexdigest()[:16]


def sample_rows() -> list[SampleRow]:
    """770 labelled and about 4,250 unlabelled rows, mixed, then the held-out rows, every one labelled."""
    parts = split_banking77()
    labelled = {question.key for question in parts.labelled}
    train = [
        SampleRow(question.text, question.answer if question.key in labelled else None, "train")
        for question in in_hash_order([*parts.labelled, *parts.unlabelled])
    ]
    return train + [SampleRow(question.text, question.answer, "heldout") for question in parts.heldout]


def write_csv(rows: list[SampleRow], path: Path) -> None:
    """Columns text, category, split; the category of an unlabelled row is empty."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["text", "category", "split"])
        writer.writerows([row.text, row.answer or "", row.split] for row in rows)


def write_parquet(rows: list[SampleRow], path: Path) -> None:
    """The canonical rows of the engine; `line` is the row's line in the CSV, whose header is line 1."""
    table = pa.table(
        {
            "row_id": [row.row_id for row in rows],
            "messages": [[{"role": "user", "content": row.text}] for row in rows],
            "answer": [row.answer for row in rows],
            "split": [row.split for row in rows],
            "line": list(range(2, len(rows) + 2)),
        },
        schema=SCHEMA,
    )
    pq.write_table(table, path, compression="zstd")


def write_dataset(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    rows = sample_rows()
    write_csv(rows, folder / "banking77-sample.csv")
    write_parquet(rows, folder / "banking77-sample.parquet")
