"""Our recorded signals: written once, then found by key and read in micro-batches, from a fresh store.

python -m benchmarks.sides.signals_ours VARIANT      ours-64 (K = 64), ours-64-t2 (two temperatures), parquet-64 (plain top 64)
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from jobs.distill.signals import Settings, Store, trim
from jobs.distill.teachers.recorded import as_teacher

from .meter import ReadMeter
from .topk import BATCH, LENGTH, ROWS, normaliser, top

K = 64


def ours(folder: Path, temperatures: tuple[float, ...]) -> None:
    ids, z = top(K)
    settings = Settings("a" * 64, K, 1.0, temperatures)
    lse = np.stack([normaliser(z, T) for T in temperatures], -1)
    whole = np.zeros(len(z), dtype=np.float32)
    store, count = Store(folder, settings), np.full(len(z), K)
    keys = [hashlib.sha256(str(r).encode()).hexdigest() for r in range(ROWS)]
    for r, key in enumerate(keys):
        at = slice(r * LENGTH, (r + 1) * LENGTH)
        store.add(key, trim(ids[at], z[at], count[at], lse[at], temperatures, whole[at], whole[at], whole[at]))
    store.flush()
    size = sum(p.stat().st_size for p in folder.glob("shard-*"))
    meter, seen = ReadMeter(), 0.0
    again = Store(folder, settings, writable=False)
    for begin in range(0, ROWS, BATCH):
        rows = [again[key] for key in keys[begin : begin + BATCH]]
        read = as_teacher(rows, temperatures, torch.device("cpu"))
        seen += float(read.z.sum()) + float(read.ids.sum())
    meter.stop(ROWS * LENGTH, size, K)


def parquet(folder: Path) -> None:
    """A table of rows with flat lists of ids (int32) and logits (fp16), one row group a batch, uncompressed."""
    ids, z = top(K)
    file = folder / "top.parquet"
    lists = [pa.array(list(x.reshape(ROWS, -1))) for x in (ids.astype(np.int32), z.astype(np.float16))]
    pq.write_table(pa.table(lists, ["ids", "z"]), file, row_group_size=BATCH, compression="none", use_dictionary=False)
    meter, seen = ReadMeter(), 0.0
    table = pq.ParquetFile(file, memory_map=True)
    for group in range(table.num_row_groups):
        part = table.read_row_group(group)
        i, v = (part[name].combine_chunks().flatten().to_numpy() for name in ("ids", "z"))
        seen += float(torch.from_numpy(v.astype(np.float32)).sum()) + float(torch.from_numpy(i.astype(np.int64)).sum())
    meter.stop(ROWS * LENGTH, file.stat().st_size, K)


def main() -> None:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as place:
        if sys.argv[1] == "parquet-64":
            parquet(Path(place))
        else:
            ours(Path(place), (1.0, 2.0) if sys.argv[1] == "ours-64-t2" else (1.0,))


if __name__ == "__main__":
    main()
