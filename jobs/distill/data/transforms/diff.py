"""Which rows of two versions are the same, changed, added or removed.

Rows are paired by their ids; of the rest by the id column of the file, then by the line of the file, then by the
question as it looks, where one row of each side remains. A line pairs rows only where their texts have words in common.
Ids, splits and fields are compared for all rows; texts are read only for the rows of one page.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ...errors import DataRefused
from ..families import GROUP
from . import texts

Row = dict[str, Any]
KINDS = ("changed", "added", "removed", "same")
COMPARED = 160_000  # pairs of words that are looked at; beyond it the texts are marked as wholes
READ = 4000  # characters of a text whose words decide whether two rows resemble each other
WORDS = re.compile(r"\s+|\w+|[^\w\s]")
Pair = tuple[int | None, int | None]  # places of the row in the old and the new version, from 0


@dataclass(frozen=True)
class Side:
    """What is known of all rows of a version without their texts."""

    ids: list[str]
    lines: list[int]
    source_ids: list[str | None]
    rest: list[int]  # hash of split and fields


def side(path: Path) -> Side:
    """Raises DataRefused for a file that holds no canonical rows."""
    try:
        file = pq.ParquetFile(path)
        names = set(file.schema_arrow.names)
        table = file.read([n for n in ("row_id", "line", "source_id", "split", "fields") if n in names])
    except (pa.ArrowException, OSError) as e:
        raise DataRefused(f"The rows cannot be read: {str(e).splitlines()[0]}.") from None

    def column(name: str) -> list[Any]:
        return list(table[name].to_pylist()) if name in table.column_names else [None] * table.num_rows

    rest = [hash(pair) for pair in zip(column("split"), column("fields"), strict=True)]
    return Side(column("row_id"), [n or 0 for n in column("line")], column("source_id"), rest)


def pairs(old: Side, new: Side, alike: Callable[[int, int], bool] = lambda i, j: True) -> dict[str, list[Pair]]:
    """kind -> pairs, in the order of the new version, removed ones in the order of the old.

    `alike` says whether the texts of two rows that only share a line have words in common.
    """
    places = {row_id: i for i, row_id in enumerate(old.ids)}
    match: dict[int, int] = {}  # new place -> old place
    for j, row_id in enumerate(new.ids):
        if (i := places.get(row_id)) is not None:
            match[j] = i
    same = {j for j, i in match.items() if old.rest[i] == new.rest[j]}
    for key, sure in (
        (lambda s, k: s.source_ids[k], True),
        (lambda s, k: s.lines[k] or None, False),
        (lambda s, k: s.ids[k][:GROUP], True),
    ):
        _match_by(old, new, match, key, None if sure else alike)
    out: dict[str, list[Pair]] = {kind: [] for kind in KINDS}
    for j in range(len(new.ids)):
        i = match.get(j)
        out["added" if i is None else "same" if j in same else "changed"].append((i, j))
    used = set(match.values())
    out["removed"] = [(i, None) for i in range(len(old.ids)) if i not in used]
    return out


def _match_by(old: Side, new: Side, match: dict[int, int], key: Any, alike: Callable[[int, int], bool] | None) -> None:
    """Pairs what is left where a key names one row of each side."""
    used = set(match.values())
    ones: dict[Any, int | None] = {}
    for i in range(len(old.ids)):
        if i not in used and (k := key(old, i)) is not None:
            ones[k] = i if k not in ones else None
    if not any(i is not None for i in ones.values()):
        return
    others: dict[Any, int | None] = {}
    for j in range(len(new.ids)):
        if j not in match and (k := key(new, j)) is not None:
            others[k] = j if k not in others else None
    for k, there in others.items():
        here = ones.get(k)
        if here is not None and there is not None and (alike is None or alike(here, there)):
            match[there] = here


class Texts:
    """Whole rows of a version by their places, read row group by row group, the last few groups kept."""

    def __init__(self, path: Path) -> None:
        self.file = pq.ParquetFile(path)
        self.starts = [0]
        for g in range(self.file.num_row_groups):
            self.starts.append(self.starts[-1] + self.file.metadata.row_group(g).num_rows)
        self._group: tuple[int, pa.Table | None] = (-1, None)

    def row(self, place: int) -> Row:
        g = next(g for g in range(len(self.starts) - 1) if place < self.starts[g + 1])
        if self._group[0] != g:
            self._group = (g, self.file.read_row_group(g))
        table = self._group[1]
        assert table is not None
        return {"split": None, "line": 0, **table.slice(place - self.starts[g], 1).to_pylist()[0]}


def words_in_common(a: Row, b: Row) -> bool:
    """True when a fifth of the words of the smaller row stand in the other too, or their answers are the same."""
    one, two = ({w.lower() for t in texts.texts_of(r, "everywhere") for w in t[:READ].split()} for r in (a, b))
    return len(one & two) * 5 >= max(1, min(len(one), len(two)))


def marked(old: str, new: str) -> list[list[str]]:
    """[["same" | "old" | "new", text]]: what went and what came, word by word; as a whole where comparing would take long."""
    a, b = WORDS.findall(old), WORDS.findall(new)
    start = _alike(a, b)
    end = _alike(a[start:][::-1], b[start:][::-1])
    middle_a, middle_b = a[start : len(a) - end], b[start : len(b) - end]
    out = [["same", "".join(a[:start])]]
    if len(middle_a) * len(middle_b) > COMPARED:
        out += [["old", "".join(middle_a)], ["new", "".join(middle_b)]]
    else:
        for tag, a0, a1, b0, b1 in SequenceMatcher(None, middle_a, middle_b, autojunk=False).get_opcodes():
            went, came = "".join(middle_a[a0:a1]), "".join(middle_b[b0:b1])
            out += [["same", went]] if tag == "equal" else [["old", went], ["new", came]]
    out.append(["same", "".join(a[len(a) - end :])])
    return [mark for mark in out if mark[1]] or [["same", ""]]


def _alike(a: list[str], b: list[str]) -> int:
    """How many words at the start are the same."""
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def parts(old: Row | None, new: Row | None) -> Iterator[dict[str, Any]]:
    """{name, marks} of every part that one of the rows has, in the order a reader wants them; only changed ones where both are given."""
    before, after = _named(old), _named(new)
    for name in [*before, *(n for n in after if n not in before)]:
        a, b = before.get(name), after.get(name)
        if old and new and a == b:
            continue
        yield {
            "name": name,
            "marks": marked(a or "", b or "") if old and new else [["same", (a if a is not None else b) or ""]],
        }


def _named(row: Row | None) -> dict[str, str]:
    if row is None:
        return {}
    turns = row["messages"]
    out = {}
    for n, turn in enumerate(turns, 1):
        simple = len(turns) <= 2 and [t["role"] for t in turns].count(turn["role"]) == 1
        out[turn["role"] if simple else f"turn {n}, {turn['role']}"] = turn["content"] or ""
    if row["answer"] is not None:
        out["answer"] = row["answer"]
    if row["split"]:
        out["split"] = {"heldout": "held out", "train": "training"}.get(row["split"], row["split"])
    return out | {name: _text(value) for name, value in texts.fields_of(row).items()}


def _text(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(v, str) for v in value):
        return "\n".join(f"{n}. {v}" for n, v in enumerate(value, 1))
    return value if isinstance(value, str) else f"{value}"
