"""A folder of signals: rows found by key, new rows appended as shards."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path

from ..checkpoint import failpoint
from ..events import Events
from .positions import RowSignals
from .settings import Settings
from .shard import Shard, pack

SHARD_BYTES = 64 << 20


class Store:
    """Knows which rows every shard has; their signals are read when they are asked for."""

    def __init__(
        self, folder: Path, settings: Settings, events: Events | None = None, *, writable: bool = True
    ) -> None:
        self.folder = Path(folder)
        self.settings = settings
        self.events = events
        self._places: dict[str, tuple[Shard, int, list[int]]] = {}  # shard, row in it, temperature columns
        self._fresh: dict[str, RowSignals] = {}
        self._fresh_bytes = 0
        if writable:
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / "signals.json").write_text(json.dumps(settings.as_dict(), indent=1), encoding="utf-8")
        for path in sorted(self.folder.glob("shard-*.safetensors")):
            self._open(path)

    def __contains__(self, key: str) -> bool:
        return key in self._places or key in self._fresh

    def __len__(self) -> int:
        return len(self._places) + len(self._fresh)

    def __getitem__(self, key: str) -> RowSignals:
        if key in self._fresh:
            return self._fresh[key]
        shard, index, columns = self._places[key]
        return shard.row(index).at(columns)

    def missing(self, keys: Iterable[str]) -> list[str]:
        return [k for k in dict.fromkeys(keys) if k not in self]

    def adopt(self, other: Store, keys: Iterable[str]) -> int:
        """Takes the rows it lacks from the shards of another folder of the same teacher, without copying them; returns how
        many. lse columns are matched by temperature."""
        taken = 0
        for key in self.missing(keys):
            if key in other._places:
                shard, index, _ = other._places[key]
                self._places[key] = shard, index, shard.settings.columns(self.settings)
                taken += 1
        return taken

    def add(self, key: str, row: RowSignals) -> None:
        """Keeps a new row; it reaches the disk with the next full shard or `flush`."""
        self._fresh[key] = row
        self._fresh_bytes += row.ids.nbytes + row.z.nbytes + row.lse.nbytes + row.counts.nbytes
        if self._fresh_bytes >= SHARD_BYTES:
            self.flush()

    def flush(self) -> None:
        """Writes the new rows as one shard: whole or not at all."""
        if not self._fresh:
            return
        data = pack(list(self._fresh), list(self._fresh.values()), self.settings)
        name = f"shard-{hashlib.sha256(data).hexdigest()[:16]}.safetensors"
        temp = self.folder / f".{name}.tmp"
        with temp.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        failpoint("signals_written")
        temp.rename(self.folder / name)
        self._open(self.folder / name)
        self._fresh, self._fresh_bytes = {}, 0

    def size(self, keys: Iterable[str] | None = None) -> int:
        """Bytes of these rows, or of all rows at hand, as a shard holds them."""
        total = 0
        for key in list(self._places) + list(self._fresh) if keys is None else keys:
            if key in self._fresh:
                r = self._fresh[key]
                total += r.ids.nbytes + r.z.nbytes + r.lse.nbytes + r.counts.nbytes
            elif key in self._places:
                shard, index, _ = self._places[key]
                total += shard.size(index)
        return total

    def _open(self, path: Path) -> None:
        try:
            shard = Shard(path)
        except (OSError, ValueError) as e:
            self._warn(f"Signals {path.name} cannot be read and are recorded again: {e}")
            return
        if not shard.settings.serves(self.settings):
            self._warn(
                f"Signals {path.name} were recorded for another teacher, depth or temperature, or without the label's "
                "probability, and are not used."
            )
            return
        columns = shard.settings.columns(self.settings)
        self._places.update({key: (shard, index, columns) for index, key in enumerate(shard.keys)})

    def _warn(self, message: str) -> None:
        if self.events:
            self.events.log(message, "warning")
