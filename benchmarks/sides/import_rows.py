"""One file of rows read once, by ours or by another library.

python -m benchmarks.sides.import_rows FORMAT SIDE FILE FOLDER

ours: the whole import as the product does it. ours_read: its strict reader alone. datasets: load_dataset, which parses and
writes an Arrow cache. pandas: read_csv, read_json(lines=True), read_parquet into memory. Prints one JSON line.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from .meter import peak_bytes


def ours(path: Path, form: str, folder: Path) -> int:
    from jobs.distill.data.verbs import import_dataset
    from jobs.distill.events import Events

    (folder / "input").mkdir()
    (folder / "input" / path.name).symlink_to(path)
    (folder / "params.json").write_text(json.dumps({"filename": path.name}))
    return int(import_dataset(folder, Events(folder))["counts"]["rows"])


def ours_read(path: Path, form: str, folder: Path) -> int:
    from jobs.distill.data.tables import Record, open_table

    return sum(isinstance(record, Record) for record in open_table(path).records())


def datasets(path: Path, form: str, folder: Path) -> int:
    from datasets import load_dataset  # type: ignore[import-not-found]

    kind = {"csv": "csv", "jsonl": "json", "parquet": "parquet"}[form]
    return len(load_dataset(kind, data_files=str(path), split="train", cache_dir=str(folder / "cache")))


def pandas(path: Path, form: str, folder: Path) -> int:
    import pandas as pd  # type: ignore[import-not-found, import-untyped]

    if form == "csv":
        return len(pd.read_csv(path))
    return len(pd.read_json(path, lines=True) if form == "jsonl" else pd.read_parquet(path))


SIDES = {"ours": ours, "ours_read": ours_read, "datasets": datasets, "pandas": pandas}


def main() -> None:
    form, side, file, folder = sys.argv[1:5]
    wall, cpu = time.perf_counter(), time.process_time()
    rows = SIDES[side](Path(file), form, Path(folder))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    found = {"rows": rows, "seconds": wall, "cpu_seconds": cpu, "rows_per_second": rows / wall}
    print(json.dumps({**found, "rows_per_cpu_second": rows / cpu, "peak_bytes": peak_bytes()}), flush=True)


if __name__ == "__main__":
    main()
