"""Rows a second and peak memory of an import: ours against `datasets.load_dataset` and pandas, each in a process of its own.

    python -m benchmarks.import_rows --json [--rows N]

A million rows (id, text of 6 to 24 words, one of 77 labels) as CSV, JSON Lines and Parquet, made anew and removed after.
The sides do not do the same. ours: strict parsing with line numbers and reasons, every row converted, copies, near copies,
conflicts, labels, secrets and control tokens looked for, canonical rows written as Parquet and hashed. ours_read: our parsing
alone. datasets: parsing, and an Arrow cache on disk. pandas: parsing into memory. Time includes the libraries' imports.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import harness

FORMATS = ("csv", "jsonl", "parquet")
SIDES = ("ours", "ours_read", "datasets", "pandas")
NEEDS = ["datasets==5.2.0", "pandas==3.1.1"]
WORDS = "card account transfer payment arrive late lost new pin cash fee rate top up limit app bank order when does my what is how can the a for in to of not yet please help today week abroad charge refund pending declined exchange identity verify".split()  # noqa: SIM905
LABELS = [f"intent_{n:02d}" for n in range(77)]


def rows(n: int, seed: int = 7) -> Iterator[dict[str, str]]:
    """The same rows each time."""
    draw = random.Random(seed)  # noqa: S311
    for i in range(n):
        text = " ".join(draw.choices(WORDS, k=draw.randint(6, 24))).capitalize() + "?"
        yield {"id": str(i), "text": text, "label": draw.choice(LABELS)}


def make(form: str, n: int, path: Path) -> None:
    if form == "csv":
        with path.open("w", newline="", encoding="utf-8") as out:
            table = csv.DictWriter(out, ["id", "text", "label"])
            table.writeheader()
            table.writerows(rows(n))
    elif form == "jsonl":
        with path.open("w", encoding="utf-8") as out:
            out.writelines(json.dumps(row) + "\n" for row in rows(n))
    else:
        import pyarrow as pa
        import pyarrow.parquet as pq

        schema = pa.schema([(name, pa.string()) for name in ("id", "text", "label")])
        with pq.ParquetWriter(path, schema) as file:
            part: list[dict[str, str]] = []
            for row in rows(n):
                part.append(row)
                if len(part) == 50_000:
                    file.write_table(pa.Table.from_pylist(part, schema=schema))
                    part.clear()
            if part:
                file.write_table(pa.Table.from_pylist(part, schema=schema))


def run_case(form: str, n: int, repeats: int, threads: int, python: Path, place: Path) -> list[dict[str, Any]]:
    """Each side on the same file; every run in an empty folder of its own, interleaved."""
    path = place / f"rows.{form}"
    make(form, n, path)
    found: dict[str, list[dict[str, Any]]] = {side: [] for side in SIDES}
    for turn in range(repeats):
        for side in SIDES:
            with tempfile.TemporaryDirectory(dir=place) as folder:
                who = sys.executable if side.startswith("ours") else python
                arguments = [form, side, str(path), folder]
                found[side].append(harness.measure(who, "benchmarks.sides.import_rows", arguments, threads))
            harness.say(f"{turn + 1}/{repeats} {form} {side}: {found[side][-1]['seconds']:.1f} s")
    counted = {side: runs[0]["rows"] for side, runs in found.items()}
    if set(counted.values()) != {n}:
        raise RuntimeError(f"{form}: the sides read different numbers of rows: {counted}")
    size = path.stat().st_size
    path.unlink()
    return [{"name": side, "case": form, "bytes": size, **harness.medians(runs)} for side, runs in found.items()]


def ratios(variants: list[dict[str, Any]]) -> list[dict[str, Any]]:
    out = []
    for theirs in (v for v in variants if not v["name"].startswith("ours")):
        for name in ("ours", "ours_read"):
            mine = next(v for v in variants if v["case"] == theirs["case"] and v["name"] == name)
            out.append(
                {
                    "ours": name,
                    "against": theirs["name"],
                    "case": theirs["case"],
                    "speed": mine["rows_per_cpu_second"] / theirs["rows_per_cpu_second"],
                    "speed_wall": mine["rows_per_second"] / theirs["rows_per_second"],
                    "memory": mine["peak_bytes"] / theirs["peak_bytes"],
                }
            )
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print the result as JSON only")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--case", action="append", choices=FORMATS, help="only this format (may be repeated)")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--save", type=Path, help="also write the result here")
    args = parser.parse_args()
    python = harness.environment("data", NEEDS)
    variants: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="import-rows-") as place:
        for form in args.case or FORMATS:
            variants += run_case(form, args.rows, args.repeats, args.threads, python, Path(place))
    found = {
        "ours": harness.versions(sys.executable, ["pyarrow"]),
        "theirs": harness.versions(python, ["datasets", "pandas", "pyarrow"]),
    }
    harness.finish(
        args, harness.report("import_rows", variants, ratios(variants), found, threads=args.threads, rows=args.rows)
    )


if __name__ == "__main__":
    main()
