"""One file of signals: mapped into memory, read where it is asked."""

from __future__ import annotations

import json
import mmap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

from .positions import RowSignals
from .settings import Settings

DTYPES = {"F32": np.float32, "F16": np.float16, "I32": np.int32, "I64": np.int64, "U16": np.uint16, "U8": np.uint8}
FIRST_COLUMNS = ("rows", "counts", "ids", "z", "lse")
WHOLE = ("label", "entropy", "mass")  # of the whole distribution, since format 2
TOO_MANY = 1 << 16


class Shard:
    """Raises ValueError or OSError when the file is not whole or not a shard."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with path.open("rb") as file:
            self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        header, start = _header(self._bytes)
        written = header.pop("__metadata__", {})
        try:
            self.keys: list[str] = written["keys"].split(",")
            words = {k: json.loads(v) for k, v in written.items() if k != "keys"}
            self.settings = Settings.of(words)
            self._columns = {name: self._column(spec, start) for name, spec in header.items()}
            rows, self._bounds = self._columns["rows"], self._entry_bounds()
        except KeyError as e:
            raise ValueError(f"it lacks {e}") from e
        self._ends = np.concatenate([[0], np.cumsum(rows, dtype=np.int64)])
        if missing := [name for name in FIRST_COLUMNS if name not in self._columns]:
            raise ValueError(f"it lacks {', '.join(missing)}")
        if len(self.keys) != len(rows) or self._ends[-1] != len(self._columns["counts"]):
            raise ValueError("its rows and positions do not add up")

    def row(self, index: int) -> RowSignals:
        """The signals of one row, with every temperature of the shard."""
        p = slice(int(self._ends[index]), int(self._ends[index + 1]))
        e = slice(int(self._bounds[index]), int(self._bounds[index + 1]))
        c = self._columns
        ids = c["ids"][e].astype(np.int32)
        if "high" in c:
            ids |= c["high"][e].astype(np.int32) << 16
        whole = [c[name][p] if name in c else None for name in WHOLE]
        return RowSignals(c["counts"][p], ids, c["z"][e], c["lse"][p], *whole)

    def size(self, index: int) -> int:
        """Bytes of one row in the file."""
        positions, entries = (int(b[index + 1] - b[index]) for b in (self._ends, self._bounds))
        each = {
            name: column.itemsize * (column.shape[1] if column.ndim > 1 else 1)
            for name, column in self._columns.items()
        }
        per_entry = sum(each[n] for n in ("ids", "high", "z") if n in each)
        return entries * per_entry + positions * sum(each[n] for n in ("counts", "lse", *WHOLE) if n in each)

    def _column(self, spec: dict[str, Any], start: int) -> np.ndarray:
        begin, end = spec["data_offsets"]
        if start + end > len(self._bytes):
            raise ValueError(f"it ends {start + end - len(self._bytes):,} bytes too early")
        dtype = np.dtype(DTYPES[spec["dtype"]])
        return np.frombuffer(self._bytes, dtype, (end - begin) // dtype.itemsize, start + begin).reshape(spec["shape"])

    def _entry_bounds(self) -> np.ndarray:
        """Where the entries of each row begin, [rows + 1]. Format 1 has them in the counts alone."""
        if "entries" in self._columns:
            return np.concatenate([[0], np.cumsum(self._columns["entries"], dtype=np.int64)])
        before = np.concatenate([[0], np.cumsum(self._columns["counts"], dtype=np.int64)])
        return np.asarray(before[np.concatenate([[0], np.cumsum(self._columns["rows"], dtype=np.int64)])])


def pack(keys: Sequence[str], rows: Sequence[RowSignals], settings: Settings) -> bytes:
    """The bytes of a shard. Rows without the columns of format 2 are written as format 1."""
    ids = np.concatenate([r.ids for r in rows])
    tensors = {
        "rows": np.asarray([len(r.counts) for r in rows], dtype=np.int32),
        "entries": np.asarray([len(r.ids) for r in rows], dtype=np.int32),
        "counts": np.concatenate([r.counts for r in rows]),
        "ids": (ids & (TOO_MANY - 1)).astype(np.uint16),
        "z": np.concatenate([r.z for r in rows]),
        "lse": np.concatenate([r.lse for r in rows]),
    }
    if ids.max(initial=0) >= TOO_MANY:
        tensors["high"] = (ids >> 16).astype(np.uint8)
    words = settings.as_dict()
    for name in WHOLE:
        values = [v for r in rows if (v := getattr(r, name)) is not None]
        if len(values) == len(rows):
            tensors[name] = np.concatenate(values)
    if not all(name in tensors for name in WHOLE):
        words["format"] = 1
    return bytes(save(tensors, {"keys": ",".join(keys), **{k: json.dumps(v) for k, v in words.items()}}))


def _header(data: mmap.mmap) -> tuple[dict[str, Any], int]:
    """The header of a safetensors file and where its data start."""
    length = int.from_bytes(data[:8], "little")
    if 8 + length > len(data):
        raise ValueError("its header is cut off")
    found = json.loads(data[8 : 8 + length])
    if not isinstance(found, dict):
        raise ValueError("its header is no mapping")
    return found, 8 + length
