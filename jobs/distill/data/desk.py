"""The rows of a review desk: which rows of a version a person should look at first, and why, one sentence a row.

In:  {"verb": "desk", "path": rows.parquet, "order", "limit", "seed"?, "outcomes"?: rows.jsonl of a run, "row_ids"?}
Out: {"rows": [{"place", "row", "why", "said"}], "total", "ranked", "note"}; place: number of the row in the file, from 1.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ..errors import DataRefused
from .limits import count
from .private import find, masked
from .split import look_alike

MOST = 20_000  # rows on one desk
LOOKED_AT = 50_000  # rows that are searched for hints
SHOWN = 60
ORDERS = ("file", "random", "uncertainty", "disagreement", "score", "hints", "list")
Ranked = list[tuple[Any, str, str]]  # (what sorts it, row id, why)


@dataclass
class Chosen:
    """Places of rows (from 0) in the order of the desk."""

    places: list[int]
    why: dict[int, str] = field(default_factory=dict)
    said: dict[int, dict[str, str]] = field(default_factory=dict)
    ranked: int = 0
    note: str = ""


def desk(path: Path, request: dict[str, Any]) -> dict[str, Any]:
    """The first `limit` rows in this order. Raises DataRefused for an order that has nothing to go by."""
    order, limit = str(request.get("order") or "file"), min(MOST, max(1, int(request.get("limit") or 500)))
    if order not in ORDERS:
        raise DataRefused(f"There is no order “{order[:40]}”.", field="order", hint=f"One of {', '.join(ORDERS)}.")
    ids = _ids(path)
    chosen = _chosen(path, ids, order, request)
    kept = chosen.places[:limit]
    rows = _rows_at(path, kept)
    return {
        "rows": [
            {"place": p + 1, "row": rows[p], "why": chosen.why.get(p, f"row {p + 1:,} of the file"), "said": chosen.said.get(p, {})}
            for p in kept
        ],
        "total": len(ids),
        "ranked": chosen.ranked,
        "note": chosen.note,
    }  # fmt: skip


def _chosen(path: Path, ids: list[str], order: str, request: dict[str, Any]) -> Chosen:
    everything = list(range(len(ids)))
    if order == "file":
        return Chosen(everything)
    if order == "random":
        seed = int(request.get("seed") or 0)
        drawn = sorted(everything, key=lambda p: hashlib.sha256(f"{seed}:{ids[p]}:{p}".encode()).digest())
        return Chosen(drawn, dict.fromkeys(drawn, f"drawn at random, seed {seed}"))
    if order == "list":
        wanted = dict.fromkeys(str(i) for i in request.get("row_ids") or [])
        places = [p for p in everything if ids[p] in wanted]
        return Chosen(places, dict.fromkeys(places, "on your list"), ranked=len(places))
    if order == "hints":
        return _by_hints(path, everything)
    return _by_run(ids, order, Path(request["outcomes"]) if request.get("outcomes") else None)


# -- by what a run found out ----------------------------------------------------------------------------------------------


def _by_run(ids: list[str], order: str, outcomes: Path | None) -> Chosen:
    """Rows the run knows something of first, the others after them in file order."""
    if outcomes is None:
        raise DataRefused("This order needs a run over these rows.", field="run", hint="Choose a finished run.")
    lines = list(_lines(outcomes))
    ranked = sorted({"uncertainty": _unsure, "disagreement": _disagreeing, "score": _scored}[order](lines))
    if not ranked:
        words = {
            "uncertainty": "how unsure the teacher was: its signals were not recorded (train.teacher: recorded)",
            "disagreement": "what student and teacher said",
            "score": "a score of single rows",
        }
        raise DataRefused(f"This run did not keep {words[order]}.", field="run", hint="Choose another run or order.")
    places: dict[str, list[int]] = {}
    for p, row_id in enumerate(ids):
        places.setdefault(row_id, []).append(p)
    said = {line["row_id"]: line.get("said") or {} for line in lines}
    out = Chosen([])
    for _, row_id, why in ranked:
        for p in places.pop(row_id, []):
            out.places.append(p)
            out.why[p], out.said[p] = why, said.get(row_id, {})
    out.ranked = len(out.places)
    rest = sorted(p for some in places.values() for p in some)
    out.places += rest
    out.why.update(dict.fromkeys(rest, "the run says nothing of this row"))
    if rest:
        out.note = f"The run knows something of {out.ranked:,} of {len(ids):,} rows; the others come after them."
    return out


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def _unsure(lines: list[dict[str, Any]]) -> Ranked:
    found = [line for line in lines if line.get("teacher_entropy") is not None]
    return [
        (
            -line["teacher_entropy"],
            line["row_id"],
            f"the teacher's entropy is {line['teacher_entropy']:.2f} nats a token",
        )
        for line in found
    ]


def _disagreeing(lines: list[dict[str, Any]]) -> Ranked:
    """Held-out rows where student and teacher say different things, widest apart in score first; training rows where the
    teacher wrote something else than the answer; then those where they agree."""
    out: Ranked = []
    for line in lines:
        said, scores = line.get("said") or {}, line.get("scores") or {}
        if "student" in said and "teacher" in said:
            same = " ".join(said["student"].split()) == " ".join(said["teacher"].split())
            apart = abs(scores.get("student", 0) - scores.get("teacher", 0))
            why = (
                "student and teacher say the same"
                if same
                else f"the student says “{_cut(said['student'])}”, the teacher “{_cut(said['teacher'])}”"
            )
            out.append(((2 if same else 0, -apart), line["row_id"], why))
        elif "agrees" in line:
            why = (
                "the teacher wrote this answer too"
                if line["agrees"]
                else f"the teacher wrote “{_cut(said['teacher'])}” instead"
            )
            out.append(((2 if line["agrees"] else 1, 0), line["row_id"], why))
    return out


def _scored(lines: list[dict[str, Any]]) -> Ranked:
    """The student's worst rows first."""
    out: Ranked = []
    for line in lines:
        score = (line.get("scores") or {}).get("student")
        if score is not None:
            worse = score if line["metric"] != "bits_per_byte" else -score
            out.append(
                (worse, line["row_id"], f"the student scores {score:.2f} here ({line['metric'].replace('_', ' ')})")
            )
    return out


def _cut(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"


# -- by what looks wrong in the rows themselves ---------------------------------------------------------------------------


def _by_hints(path: Path, everything: list[int]) -> Chosen:
    """Rows of one question with different answers, personal data and secrets, copies; the others are not on the desk."""
    answers: dict[str, dict[str, list[int]]] = {}
    hints: dict[int, list[tuple[int, str]]] = {}
    seen = 0
    for p, row in enumerate(_all(path)):
        if p >= LOOKED_AT:
            break
        seen += 1
        question = look_alike("\n".join(m["content"] or "" for m in row["messages"]))
        answers.setdefault(question, {}).setdefault(row["answer"] or "", []).append(p)
        texts = [*(m["content"] or "" for m in row["messages"]), row["answer"] or ""]
        if private := sorted({f"{kind} {masked(text[a:b])}" for text in texts for kind, a, b in find(text)}):
            hints.setdefault(p, []).append((1, f"may hold personal data: {', '.join(private[:3])}"))
    for by_answer in answers.values():
        _about_copies(by_answer, hints)
    order = sorted(hints, key=lambda p: (min(hints[p])[0], p))
    why = {p: "; ".join(text for _, text in sorted(hints[p])) for p in order}
    if not order:
        raise DataRefused(
            f"Nothing looks wrong in {count(seen, 'row')}: no contradictions, copies or personal data.",
            field="order", hint="Choose another order.",
        )  # fmt: skip
    note = f"Hints were found in {len(order):,} of {seen:,} rows."
    if seen < len(everything):
        note += f" The last {len(everything) - seen:,} rows were not searched."
    return Chosen(order, why, ranked=len(order), note=note)


def _about_copies(by_answer: dict[str, list[int]], hints: dict[int, list[tuple[int, str]]]) -> None:
    given = {a: places for a, places in by_answer.items() if a}
    for answer, places in by_answer.items():
        others = sorted(a for a in given if a != answer)
        for n, p in enumerate(places):
            if others and answer:
                hints.setdefault(p, []).append((0, f"the same question is also answered “{_cut(others[0])}”"))
            if n:
                hints.setdefault(p, []).append((2, f"a copy of row {places[0] + 1:,}"))


# -- reading --------------------------------------------------------------------------------------------------------------


def _ids(path: Path) -> list[str]:
    try:
        return list(pq.read_table(path, columns=["row_id"]).column(0).to_pylist())
    except (pa.ArrowException, OSError) as e:
        raise DataRefused(
            f"The rows cannot be read: {str(e).splitlines()[0]}.", hint="Import the dataset again."
        ) from None


def _all(path: Path) -> Iterator[dict[str, Any]]:
    for batch in pq.ParquetFile(path).iter_batches(batch_size=2048, columns=["messages", "answer"]):
        yield from batch.to_pylist()


def _rows_at(path: Path, places: list[int]) -> dict[int, dict[str, Any]]:
    """Whole rows, only from the groups of the file that hold them."""
    out: dict[int, dict[str, Any]] = {}
    wanted, first = sorted(places), 0
    file = pq.ParquetFile(path)
    for group in range(file.num_row_groups):
        last = first + file.metadata.row_group(group).num_rows
        mine = [p for p in wanted if first <= p < last]
        if mine:
            taken = file.read_row_group(group).take(pa.array([p - first for p in mine])).to_pylist()
            out.update(zip(mine, taken, strict=True))
        first = last
    return out
