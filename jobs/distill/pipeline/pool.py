"""The rows of a run between its stages: kept, replaced, added to; stored so that a resumed run goes on with the same.

A row that nobody changed is stored by its id alone. Rows that leave are written to `outputs/<stage>-rejected.jsonl` with
the reason; rows that are made to `outputs/<stage>.jsonl`, ready to become a dataset.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..data.paint import painted_of
from ..rows import Row

if TYPE_CHECKING:
    from ..work import Work

SHOWN = 3  # examples in a sentence


@dataclass(frozen=True)
class Rejected:
    """A row, or the seed of one, that a stage leaves out. `code` groups reasons: an outcome, a check's id, unusable."""

    row_id: str
    code: str
    reason: str
    question: str = ""
    answer: str = ""
    parents: tuple[str, ...] = ()


@dataclass
class Kept:
    """What a stage leaves: the pool after it, what it made, what it left out."""

    rows: list[Row]
    made: list[Row] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def reasons(self) -> dict[str, int]:
        """How many were left out, by code, most first."""
        return dict(Counter(r.code for r in self.rejected).most_common())


def written(row: Row) -> bool:
    """Whether a stage made this row."""
    return "lineage" in row.fields


def store(work: Work, name: str, stage: str, kept: Kept) -> Kept:
    """Stores a stage's outcome under `name`, writes the two lists, and makes the rows the run's."""
    same = {r.row_id: r for r in work.data_rows}
    lines = [_line(r, same) for r in kept.rows]
    note = {"made": [r.row_id for r in kept.made], "facts": kept.facts, "rejected": [vars(r) for r in kept.rejected]}
    work.session.results.put(
        name, {"rows.jsonl": "".join(lines).encode(), "stage.json": json.dumps(note, ensure_ascii=False).encode()}
    )
    return apply(work, stage, kept)


def stored(work: Work, name: str, stage: str) -> Kept | None:
    """The outcome of this stage in an earlier attempt, made the run's again; None when there is none."""
    found = work.session.results.get(name)
    if found is None:
        return None
    same = {r.row_id: r for r in work.data_rows}
    rows = [_row(json.loads(line), same) for line in (found / "rows.jsonl").read_text(encoding="utf-8").splitlines()]
    note = json.loads((found / "stage.json").read_text(encoding="utf-8"))
    made = set(note["made"])
    rejected = [Rejected(**{**r, "parents": tuple(r["parents"])}) for r in note["rejected"]]
    work.session.events.log(f"'{stage}' was finished in an earlier attempt.")
    return apply(work, stage, Kept(rows, [r for r in rows if r.row_id in made], rejected, note["facts"]))


def apply(work: Work, stage: str, kept: Kept) -> Kept:
    """Makes the rows the run's, writes what was made and what was left out, and tells of it."""
    work.pool = kept.rows
    work.made[stage] = list(kept.made)
    work.stage_facts[stage] = {
        "file": slug(stage),
        "rows": len(kept.rows),
        "made": len(kept.made),
        "rejected": len(kept.rejected),
        "reasons": kept.reasons,
        **kept.facts,
    }
    made_here = (r for r in kept.made if r.fields.get("lineage", {}).get("stage") == stage)
    work.preferred += [r for r in made_here if "sources" in r.fields["lineage"]]
    work.session.events.emit("rows", stage=stage, **work.stage_facts[stage])
    write_lists(work, stage, kept.made, kept.rejected)
    return kept


def write_lists(work: Work, stage: str, made: Sequence[Row], rejected: Sequence[Rejected]) -> None:
    """What a stage made and what it left out, as files a person can open; also of a stage that is about to stop."""
    place = work.session.folder / "outputs"
    place.mkdir(exist_ok=True)
    _list(place / f"{slug(stage)}.jsonl", (_output(r) for r in made))
    _list(place / f"{slug(stage)}-rejected.jsonl", (vars(r) for r in rejected))


def slug(stage: str) -> str:
    """A stage's name as that of its files in `outputs` and `review`."""
    return re.sub(r"[^a-z0-9]+", "-", stage.lower()).strip("-")[:60] or "stage"


def examples(rejected: Sequence[Rejected]) -> str:
    """Some of what was left out, for a sentence: one of each reason first."""
    first = list({r.code: r for r in reversed(rejected)}.values())[::-1]
    chosen = (first + [r for r in rejected if r not in first])[:SHOWN]
    return " ".join(f"{r.row_id[:12]}: {r.reason}{_quoted(r.answer)}." for r in chosen)


def _quoted(text: str) -> str:
    flat = " ".join(text.split())
    return f" (it says: {flat[:80]}{'…' if len(flat) > 80 else ''})" if flat else ""


def _list(path: Path, lines: Iterable[Mapping[str, Any]]) -> None:
    text = "".join(json.dumps(dict(line), ensure_ascii=False) + "\n" for line in lines)
    if text or path.exists():
        path.write_text(text, encoding="utf-8", errors="replace")


def _output(row: Row) -> dict[str, Any]:
    """A made row as a line that imports again: one conversation with what is known beside it."""
    own = {k: v for k, v in row.fields.items() if v is not None}
    turns = [*row.messages, *([{"role": "assistant", "content": row.answer}] if row.answer is not None else [])]
    return {"id": row.row_id, "split": row.split, "messages": turns, **own}


def _line(row: Row, same: Mapping[str, Row]) -> str:
    if same.get(row.row_id) is row:
        return json.dumps({"row_id": row.row_id}) + "\n"
    values = {
        "row_id": row.row_id,
        "messages": list(row.messages),
        "answer": row.answer,
        "split": row.split,
        "line": row.line,
        "labelled": row.labelled,
        "fields": dict(row.fields),
    }
    return json.dumps(values, ensure_ascii=False) + "\n"


def _row(values: dict[str, Any], same: Mapping[str, Row]) -> Row:
    if "messages" not in values:
        return same[values["row_id"]]
    painted = painted_of(values["row_id"], values["answer"], values["fields"])
    return Row(**{**values, "messages": tuple(values["messages"])}, painted=painted)
