"""`data transform` and `data diff`: steps over rows, and what differs between two files of rows, without the web app."""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from ..errors import DataRefused
from . import profiles
from .given import file_of, text_of
from .main import in_folder

ABOUT = "change the rows of a dataset by recorded steps, and compare two versions"
STEPS = "a list of steps in YAML or JSON"
SIGNS = {"same": "", "old": "-", "new": "+"}


def add(commands: Any) -> None:
    own = commands.add_parser("data", help=ABOUT, description=ABOUT.capitalize() + ".")
    parsers = own.add_subparsers(dest="action", required=True, metavar="ACTION")
    p = parsers.add_parser("transform", help="make new rows by steps")
    p.set_defaults(run=_transform)
    p.add_argument("what", type=Path, metavar="FOLDER_OR_ROWS", help="a run folder with params.json, or a file of rows")
    p.add_argument("--steps", type=Path, help="YAML or JSON: a list of steps, each with its kind")
    p.add_argument("--out", type=Path, help="folder for rows.parquet, changes.jsonl and report.json")
    p.add_argument("--preview", action="store_true", help="say what would happen and write nothing")
    p.add_argument("--json", action="store_true")
    p = parsers.add_parser("diff", help="which rows differ between two files of rows")
    p.set_defaults(run=_diff)
    p.add_argument("old", type=Path)
    p.add_argument("new", type=Path)
    p.add_argument("--json", action="store_true")
    profiles.add_to(parsers)
    p = parsers.add_parser("kinds", help="the transforms and their options")
    p.set_defaults(run=_kinds)
    p.add_argument("--json", action="store_true")


def _transform(given: argparse.Namespace) -> int:
    from ..data.transforms.make import transform_dataset

    if given.what.is_dir() and given.steps is None:
        if not (given.what / "params.json").is_file():
            raise DataRefused(f"{given.what} has no params.json.", hint="Give a file of rows and --steps.")
        return in_folder(given.what, True, lambda events: transform_dataset(given.what, events))
    if given.steps is None:
        raise DataRefused("Say which steps.", field="steps", hint="--steps steps.yaml")
    with tempfile.TemporaryDirectory() as place:
        source = _rows(given.what, Path(place))
        return _preview(given, source) if given.preview else _make(given, source)


def _rows(what: Path, place: Path) -> Path:
    """Canonical rows of any file that can be imported."""
    from ..data.load import is_canonical, read_any
    from ..data.transforms import write

    if what.is_dir():
        what = what / "data" / "rows.parquet"
    if what.is_file() and is_canonical(what):
        return what
    path = place / "rows.parquet"
    write(read_any(what), path)
    return path


def _preview(given: argparse.Namespace, source: Path) -> int:
    from ..data.transforms import load_steps, recorded
    from ..data.transforms.look import preview

    steps = recorded(load_steps(text_of(given.steps, STEPS)))
    found = preview({"path": str(source), "steps": steps})
    print(json.dumps(found, indent=1, ensure_ascii=False) if given.json else _words(found["steps"]))
    if (refusal := found.get("refusal")) and not given.json:
        print(f"Refused: {refusal['message']}")
    return 4 if found.get("refusal") else 0


def _make(given: argparse.Namespace, source: Path) -> int:
    from ..data.transforms import Context, load_steps
    from ..data.transforms.make import make
    from ..data.verbs import file_sha256

    if given.out is None:
        raise DataRefused("Say where the new rows go.", field="out", hint="--out FOLDER, or --preview.")
    steps = load_steps(text_of(given.steps, STEPS))
    given.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        report = make(source, steps, Context(Path(place)), given.out)
    report["sha256"] = file_sha256(given.out / "rows.parquet")
    (given.out / "report.json").write_text(json.dumps(report, indent=1, ensure_ascii=False), encoding="utf-8")
    words = [{**c, "words": s.words()} for c, s in zip(report["changes"], steps, strict=True)]
    print(json.dumps(report, indent=1, ensure_ascii=False) if given.json else _words(words))
    if not given.json:
        print(f"{given.out / 'rows.parquet'}: {report['counts']['rows']:,} rows, hash {report['sha256'][:16]}…")
    return 0


def _words(steps: list[dict[str, Any]]) -> str:
    from ..data.limits import count

    lines = []
    for s in steps:
        counts = ", ".join(f"{s[what]:,} {what}" for what in ("dropped", "changed", "added"))
        lines.append(f"{s['step']}. {s['words']}: {s['in']:,} rows in, {counts}, {s['out']:,} out")
        lines += [f"   {r['what']}: {count(r['rows'], 'row')}, {r['reason']}" for r in s["reasons"][:10]]
        lines += [f"   {note}" for note in s["notes"]]
    return "\n".join(lines)


def _diff(given: argparse.Namespace) -> None:
    from ..data.transforms.look import page

    old, new = (str(file_of(path, "the rows of a version, rows.parquet")) for path in (given.old, given.new))
    found = page({"old": old, "new": new, "limit": 100})
    if given.json:
        print(json.dumps(found, indent=1, ensure_ascii=False))
        return
    print(", ".join(f"{n:,} {kind}" for kind, n in found["counts"].items()))
    for row in found["rows"]:
        print(f"{row['kind']} {row['row_id']} (line {row['line']})")
        for part in row["parts"]:
            marks = "".join(f"{SIGNS[k]}[{t}]" if SIGNS[k] else t for k, t in part["marks"])
            print(f"  {part['name']}: {marks}")


def _kinds(given: argparse.Namespace) -> None:
    from ..data.transforms import schema

    if given.json:
        print(json.dumps(schema(), indent=1))
        return
    for one in schema():
        print(f"{one['kind']:12} {one['title']}: {one['summary']}")
        for name, option in one["options"]["properties"].items():
            if name != "kind":
                print(f"  {name:14} {option.get('description') or option.get('title', '')}")
