"""Verbs of the engine child for datasets: `import_dataset` and `profile_dataset`, each in its run folder."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..errors import DataRefused
from ..events import Events
from .behind import Behind
from .findings import BadRow, Change
from .limits import LIMITS
from .load import RowsWriter, iter_rows
from .options import parse_options
from .profile import deep_profile
from .profile.contamination import check, evaluation, numbered
from .scan import scan


def import_dataset(folder: Path, events: Events) -> dict[str, Any]:
    """`input/` and params.json {filename, roles, options} become rows.parquet, refused.jsonl, changed.jsonl and report.json.

    All or nothing: rows.parquet exists only when every problem was accepted or needs no answer; raises DataRefused else,
    with report.json saying what was found. report: {counts, sha256, mapping, warnings, labels, task, outcome}.
    """
    folder, started = Path(folder), time.time()
    params = _params(folder)
    source, options = _input(folder), parse_options(params.get("options"))
    total = source.stat().st_size
    events.emit("phase", phase="prepare", stage="import", total=total)
    writer = RowsWriter(folder / "rows.parquet")
    with (
        (folder / "refused.jsonl").open("w", encoding="utf-8") as refused,
        (folder / "changed.jsonl").open("w", encoding="utf-8") as altered,
    ):

        def bad(row: BadRow) -> None:
            refused.write(json.dumps(row.as_dict(), ensure_ascii=False) + "\n")

        def changed(change: Change) -> None:
            altered.write(json.dumps(change.as_dict(), ensure_ascii=False) + "\n")

        def tick(read: int) -> None:
            rate = read / max(time.time() - started, 1e-3)
            events.emit("progress", phase="prepare", done=read, total=None, unit="rows", rate=rate, eta=None)

        found = scan(
            source,
            params.get("filename") or source.name,
            params.get("roles") or None,
            options,
            limits=LIMITS,
            good=writer.add,
            bad=bad,
            changed=changed,
            tick=tick,
        )
    report = _report(found, params)
    if found.outcome != "accept":
        writer.discard()
        _write(folder / "report.json", report)
        found.raise_if_refused()
    writer.close()
    report["sha256"] = file_sha256(folder / "rows.parquet")
    report["seconds"] = round(time.time() - started, 3)
    _write(folder / "report.json", report)
    events.emit("progress", phase="prepare", done=writer.rows, total=writer.rows, unit="rows", rate=None, eta=0)
    for problem in found.problems:
        events.log(problem.message, "warning" if problem.severity != "note" else "info")
    events.emit("report", report=report)
    return report


def _report(found: Any, params: dict[str, Any]) -> dict[str, Any]:
    return {
        "outcome": found.outcome,
        "counts": found.counts,
        "mapping": {
            "roles": found.roles,
            "options": params.get("options") or {},
            "form": found.form,
            "task": {k: found.template.get(k, "") for k in ("key", "title", "why", "metric", "metric_why")},
            "format": found.format,
            "encoding": found.encoding,
            "delimiter": found.delimiter,
            "compression": found.compression,
            "header": found.header,
            "split": "column" if "split" in found.roles else "by hash of the row when a run starts",
        },
        "warnings": [p.as_dict() for p in found.problems],
        "labels": found.labels,
        "task": found.task,
        "findings": found.as_dict() if found.outcome != "accept" else None,
    }


def profile_dataset(folder: Path, events: Events) -> dict[str, Any]:
    """data/rows.parquet and params.json {tokenizers: [{folder, vocab_sha256, title, context}], heldout} become report.json.

    report: {facts (DataFacts), profile}; behind.parquet and lengths.parquet hold the rows behind its numbers.
    With params.against [{file, ...}] the rows are held against those evaluation sets instead: {contamination}.
    """
    folder = Path(folder)
    params = _params(folder)
    path = folder / "data" / "rows.parquet"
    events.emit("phase", phase="prepare", stage="profile", total=None)
    if params.get("against"):
        report = contamination(folder, params, events)
    else:
        tokenizers, heldout = params.get("tokenizers") or [], params.get("heldout", 0.1)
        told = _Told(events)
        report = deep_profile(iter_rows(path), file_sha256(path), tokenizers, heldout, told, folder)
    _write(folder / "report.json", report)
    events.emit("report", report=report)
    return report


class _Told:
    """Progress of the parts of a profile: a log line when a part begins, rows as they pass."""

    def __init__(self, events: Events) -> None:
        self.events, self.part = events, ""

    def __call__(self, part: str, done: int) -> None:
        if part != self.part:
            self.part = part
            self.events.log(f"Now: {part}.")
        self.events.emit("progress", phase="prepare", done=done, total=None, unit="rows", rate=None, eta=None)


def contamination(folder: Path, params: dict[str, Any], events: Events) -> dict[str, Any]:
    """{contamination: [what of each evaluation set stands in the rows]}; behind.parquet holds which rows."""
    behind, found = Behind(), []
    for n, other in enumerate(params["against"]):
        part = other.get("rows") or "all"
        held = evaluation(
            (number, row)
            for number, row in numbered(iter_rows(folder / other["file"]))
            if part == "all" or row["split"] == part
        )
        events.log(f"Now: {other.get('title', '')}, {held.rows:,} evaluation rows.")
        rows = (pair for pair in numbered(iter_rows(folder / "data" / "rows.parquet")) if pair[1]["split"] != "heldout")
        found.append({**{k: v for k, v in other.items() if k != "file"}, **check(_ticking(rows, events), held, behind, "contamination", f"{n}: ")})  # fmt: skip
    behind.write(folder / "behind.parquet")
    return {"contamination": found}


def _ticking(rows: Iterator[tuple[int, Any]], events: Events) -> Iterator[tuple[int, Any]]:
    for number, row in rows:
        yield number, row
        if number % 5000 == 0:
            events.emit("progress", phase="prepare", done=number, total=None, unit="rows", rate=None, eta=None)


def _params(folder: Path) -> dict[str, Any]:
    path = folder / "params.json"
    if not path.exists():
        raise DataRefused(
            "The run folder has no params.json.", hint="It says which file to read and which column is what."
        )
    return dict(json.loads(path.read_text(encoding="utf-8")))


def _input(folder: Path) -> Path:
    files = sorted(p for p in (folder / "input").glob("*") if p.is_file()) if (folder / "input").is_dir() else []
    if len(files) != 1:
        raise DataRefused(f"The folder input/ holds {len(files)} files; one is needed.")
    return files[0]


def file_sha256(path: Path) -> str:
    with Path(path).open("rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def _write(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1), encoding="utf-8")
