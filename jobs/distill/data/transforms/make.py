"""The engine verb `transform_dataset`: rows of a version and steps become the rows of a new version."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...errors import DataRefused, DatasetChanged
from ...events import Events
from ..checks import Checks
from ..limits import count
from ..rows import Row as CanonicalRow
from ..split import row_id_of
from . import texts
from .base import Change, Context, Log, Row, SourceFile, Step
from .run import transform, write
from .steps import parse_steps, recorded


def transform_dataset(folder: Path, events: Events) -> dict[str, Any]:
    """data/rows.parquet and params.json {steps, sha256?, versions?, tokenizers?, source?} become rows.parquet, changes.jsonl, report.json.

    versions: {"key@number": file}, tokenizers: {key: folder}, source: {file, filename, roles, options}; files relative to
    the run folder. report: {counts, sha256, steps, changes, labels, task, seconds}. Raises DataRefused with the step's
    number, when no row is left, or when nothing changed; DatasetChanged when the rows are not those of `sha256`.
    """
    from ..verbs import file_sha256

    folder, started = Path(folder), time.time()
    params = json.loads((folder / "params.json").read_text(encoding="utf-8"))
    steps, source = parse_steps(params.get("steps")), folder / "data" / "rows.parquet"
    pinned(source, params.get("sha256"))
    events.emit("phase", phase="prepare", stage="transform", total=None)

    def tick(step: int, done: int) -> None:
        rate = done / max(time.time() - started, 1e-3)
        events.emit(
            "progress", phase="prepare", done=done, total=None, unit=f"rows of step {step}", rate=rate, eta=None
        )

    with tempfile.TemporaryDirectory(dir=folder) as place:
        report = make(source, steps, _context(folder, params, Path(place)), folder, tick)
    report |= {"sha256": file_sha256(folder / "rows.parquet"), "seconds": round(time.time() - started, 3)}
    (folder / "report.json").write_text(json.dumps(report, ensure_ascii=False, indent=1), encoding="utf-8")
    done = report["counts"]["rows"]
    events.emit("progress", phase="prepare", done=done, total=done, unit="rows", rate=None, eta=0)
    for log in report["changes"]:
        for note in log["notes"]:
            events.log(f"Step {log['step']}: {note}")
    events.emit("report", report=report)
    return report


def make(source: Path, steps: Sequence[Step], context: Context, out: Path, tick: Any = None) -> dict[str, Any]:
    """Writes rows.parquet and changes.jsonl below `out`, both or neither: what lay there before goes only then. Raises DataRefused."""
    checks, lines, made = Checks(label_column=True), out / "changes.new", out / "rows.new"
    try:
        with lines.open("w", encoding="utf-8") as file:

            def sink(change: Change) -> None:
                file.write(json.dumps(change.as_dict(), ensure_ascii=False) + "\n")

            rows, logs = transform(source, steps, context, sink, tick=tick)
            refuse_nothing(logs, write(rows, made, seen=lambda row: checks.see(_canonical(row))))
        made.replace(out / "rows.parquet")
        lines.replace(out / "changes.jsonl")
    finally:
        made.unlink(missing_ok=True)
        lines.unlink(missing_ok=True)
    task = checks.task()
    return {
        "steps": recorded(steps),
        "changes": [log.as_dict() for log in logs],
        "counts": counts_of(checks),
        "task": task,
        "labels": [[label, n] for label, n in checks.labels.most_common(500)]
        if task["kind"] == "classification"
        else [],
    }


def pinned(path: Path, sha256: str | None) -> None:
    """Raises DatasetChanged with both hashes unless the file has this one (or none was asked for)."""
    from ..verbs import file_sha256

    if sha256 and (found := file_sha256(path)) != sha256:
        raise DatasetChanged(
            f"The steps were made for rows with hash {sha256[:12]}…, these rows have {found[:12]}….",
            field="sha256",
            hint="Make the steps again for the present version.",
        )


def refuse_nothing(logs: Sequence[Log], rows: int) -> None:
    """Raises DataRefused when no row is left, with the rows each rule took, or when no step changed anything."""
    if not rows:
        listed = [
            f"step {log.step}, {reason}: {count(n, 'row')}"
            for log in logs
            for reason, n in log.reasons.get("dropped", {}).items()
        ]
        emptied = next((log.step for log in logs if log.rows_in and not log.rows_out), 1)
        raise DataRefused(
            f"No row is left after step {emptied}. Dropped by {'; '.join(listed[:12])}{' …' if len(listed) > 12 else ''}.",
            field=f"steps.{emptied}",
            hint="Loosen the condition that drops the most.",
        )
    if not any(log.counts.total() for log in logs):
        notes = " ".join(note for log in logs for note in log.notes)
        raise DataRefused(
            f"The steps change nothing: all {count(rows, 'row')} stay as they are. {notes}".strip(),
            field="steps",
            hint="Change a step, or keep the version as it is.",
        )


def counts_of(checks: Checks) -> dict[str, int]:
    """The counts of a version, as an import makes them."""
    return {
        "rows": checks.rows,
        "labelled": checks.labelled,
        "unlabelled": checks.rows - checks.labelled,
        "train": checks.splits["train"],
        "heldout": checks.splits["heldout"],
        "duplicates": checks.duplicates,
        "near_duplicates": checks.near_duplicates,
        "labels": len(checks.labels),
    }


def _canonical(row: Row) -> CanonicalRow:
    row_id = row_id_of(row["messages"], row["answer"])
    return CanonicalRow(row_id, row["messages"], row["answer"], row["split"], row["line"], fields=texts.fields_of(row))


def _context(folder: Path, params: dict[str, Any], place: Path) -> Context:
    given = params.get("source")
    source = None
    if given:
        source = SourceFile(
            folder / given["file"], given["filename"], dict(given.get("roles") or {}), dict(given.get("options") or {})
        )
    return Context(
        place,
        versions={name: folder / file for name, file in (params.get("versions") or {}).items()},
        tokenizers={key: Path(where) for key, where in (params.get("tokenizers") or {}).items()},
        source=source,
    )
