"""Recorded teacher signals: once per teacher and row, used by every later run.

A row is addressed by the hash of its token ids, never by a step or a place in the data, so any order, subset or batch
finds it. Each supervised position keeps the smallest number of top ids that holds `mass` of the probability (at most
`top_k`), their raw logits less the largest one in fp16, and the exact log-normaliser for each recorded temperature.

A folder of signals holds `signals.json` (what was recorded) and shards `shard-*.safetensors`, written once each:
    keys    in the header: the rows' hashes, in order
    rows    int32 [rows]        positions of each row
    counts  uint16 [positions]  ids of each position
    ids     uint16 or int32 [entries]   token ids, most likely first
    z       float16 [entries]   logit minus the position's largest logit
    lse     float32 [positions, temperatures]   log sum exp((z - z_max) / T) over the teacher's whole vocabulary
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from .checkpoint import failpoint
from .events import Events

FORMAT = 1
SHARD_BYTES = 64 << 20


@dataclass(frozen=True)
class Settings:
    """What a folder holds; signals recorded otherwise are never mixed in."""

    teacher: str  # manifest hash
    top_k: int
    mass: float
    temperatures: tuple[float, ...]

    def as_dict(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "teacher": self.teacher,
            "top_k": self.top_k,
            "mass": self.mass,
            "temperatures": list(self.temperatures),
        }

    def serves(self, other: Settings) -> bool:
        """Whether signals of these settings may stand in for `other`: same teacher, at least as much kept."""
        enough = self.top_k >= other.top_k and self.mass >= other.mass
        return self.teacher == other.teacher and enough and set(self.temperatures) >= set(other.temperatures)


@dataclass(frozen=True)
class RowSignals:
    """Signals of one row of P positions and E entries."""

    counts: np.ndarray  # uint16 [P]
    ids: np.ndarray  # int32 [E]
    z: np.ndarray  # float16 [E]
    lse: np.ndarray  # float32 [P, T]


class Store:
    """A folder of signals: rows found by key, new rows appended as shards."""

    def __init__(
        self, folder: Path, settings: Settings, events: Events | None = None, *, writable: bool = True
    ) -> None:
        self.folder = Path(folder)
        self.settings = settings
        self.events = events
        self._rows: dict[str, RowSignals] = {}
        self._fresh: dict[str, RowSignals] = {}
        self._fresh_bytes = 0
        if writable:
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / "signals.json").write_text(json.dumps(settings.as_dict(), indent=1), encoding="utf-8")
        for shard in sorted(self.folder.glob("shard-*.safetensors")):
            self._read(shard)

    def __contains__(self, key: str) -> bool:
        return key in self._rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, key: str) -> RowSignals:
        return self._rows[key]

    def missing(self, keys: Iterable[str]) -> list[str]:
        return [k for k in dict.fromkeys(keys) if k not in self._rows]

    def adopt(self, other: Store, keys: Iterable[str]) -> int:
        """Takes the rows it lacks from another folder of the same teacher; returns how many. lse columns are matched by temperature."""
        columns = [other.settings.temperatures.index(t) for t in self.settings.temperatures]
        taken = 0
        for key in self.missing(keys):
            if key in other:
                row = other[key]
                self._rows[key] = RowSignals(row.counts, row.ids, row.z, np.ascontiguousarray(row.lse[:, columns]))
                taken += 1
        return taken

    def add(self, key: str, row: RowSignals) -> None:
        """Keeps a new row; it reaches the disk with the next full shard or `flush`."""
        self._rows[key] = self._fresh[key] = row
        self._fresh_bytes += row.ids.nbytes + row.z.nbytes + row.lse.nbytes + row.counts.nbytes
        if self._fresh_bytes >= SHARD_BYTES:
            self.flush()

    def flush(self) -> None:
        """Writes the new rows as one shard: whole or not at all."""
        if not self._fresh:
            return
        rows = list(self._fresh.values())
        tensors = {
            "rows": np.asarray([len(r.counts) for r in rows], dtype=np.int32),
            "counts": np.concatenate([r.counts for r in rows]),
            "ids": _narrow(np.concatenate([r.ids for r in rows])),
            "z": np.concatenate([r.z for r in rows]),
            "lse": np.concatenate([r.lse for r in rows]),
        }
        data = save(
            tensors, {"keys": ",".join(self._fresh), **{k: json.dumps(v) for k, v in self.settings.as_dict().items()}}
        )
        name = f"shard-{hashlib.sha256(data).hexdigest()[:16]}.safetensors"
        temp = self.folder / f".{name}.tmp"
        with temp.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        failpoint("signals_written")
        temp.rename(self.folder / name)
        self._fresh, self._fresh_bytes = {}, 0

    def size(self) -> int:
        """Bytes of all rows at hand."""
        return sum(r.ids.nbytes + r.z.nbytes + r.lse.nbytes + r.counts.nbytes for r in self._rows.values())

    def _read(self, path: Path) -> None:
        try:
            with safe_open(path, framework="np") as shard:
                header = shard.metadata() or {}
                keys = header.get("keys", "").split(",")
                found = Settings(
                    json.loads(header["teacher"]),
                    json.loads(header["top_k"]),
                    json.loads(header["mass"]),
                    tuple(json.loads(header["temperatures"])),
                )
                parts = {name: shard.get_tensor(name) for name in ("rows", "counts", "ids", "z", "lse")}
        except (SafetensorError, OSError, ValueError, KeyError) as e:
            self._warn(f"Signals {path.name} cannot be read and are recorded again: {e}")
            return
        if not found.serves(self.settings):
            self._warn(f"Signals {path.name} were recorded for another teacher, depth or temperature and are not used.")
            return
        columns = [found.temperatures.index(t) for t in self.settings.temperatures]
        ends = np.cumsum(parts["rows"])
        entry_ends = np.concatenate([[0], np.cumsum(parts["counts"], dtype=np.int64)])
        for key, end, n in zip(keys, ends, parts["rows"], strict=True):
            first, last = entry_ends[end - n], entry_ends[end]
            lse = np.ascontiguousarray(parts["lse"][end - n : end][:, columns])
            self._rows[key] = RowSignals(
                parts["counts"][end - n : end], parts["ids"][first:last].astype(np.int32), parts["z"][first:last], lse
            )

    def _warn(self, message: str) -> None:
        if self.events:
            self.events.log(message, "warning")


def read_settings(folder: Path) -> Settings | None:
    """What a folder says it holds; None when it is no folder of signals."""
    try:
        found = json.loads((Path(folder) / "signals.json").read_text(encoding="utf-8"))
        return Settings(found["teacher"], found["top_k"], found["mass"], tuple(found["temperatures"]))
    except (OSError, ValueError, KeyError):
        return None


def trim(
    ids: np.ndarray, z: np.ndarray, count: np.ndarray, lse: np.ndarray, temperatures: Sequence[float]
) -> RowSignals:
    """Keeps the first `count` [P] of each position's top ids [P, K].

    z [P, K] are raw logits in falling order, lse [P, T] their normalisers; both are stored relative to the largest
    logit, where fp16 is finest.
    """
    top = z[:, :1]
    keep = np.arange(ids.shape[1])[None, :] < count[:, None]
    shifted = lse - top / np.asarray(temperatures, dtype=np.float32)[None, :]
    return RowSignals(
        count.astype(np.uint16),
        ids[keep].astype(np.int32),
        (z - top).astype(np.float16)[keep],
        shifted.astype(np.float32),
    )


def _narrow(ids: np.ndarray) -> np.ndarray:
    return ids.astype(np.uint16) if ids.max(initial=0) < 2**16 else ids.astype(np.int32)


def collate(rows: Sequence[RowSignals]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Signals of a micro-batch, padded to its widest position: ids [N, K], z [N, K] float32, lse [N, T], mask [N, K]."""
    counts = np.concatenate([r.counts for r in rows]).astype(np.int64)
    mask = np.arange(int(counts.max()))[None, :] < counts[:, None]
    ids = np.zeros(mask.shape, dtype=np.int64)
    z = np.zeros(mask.shape, dtype=np.float32)
    ids[mask] = np.concatenate([r.ids for r in rows])
    z[mask] = np.concatenate([r.z for r in rows]).astype(np.float32)
    return ids, z, np.concatenate([r.lse for r in rows]), mask
