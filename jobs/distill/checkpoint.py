"""Folders that are whole or absent: checkpoints and stage results. No pickle anywhere.

A folder is written under a temporary name, every file is flushed to the disk, `MANIFEST.json` with the SHA-256 of each
file comes last, then one rename makes it visible. Reading verifies the hashes; a torn folder is passed over.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from .errors import Transient
from .events import Events

MANIFEST = "MANIFEST.json"
KEEP = 2


def failpoint(name: str) -> None:
    """Ends the process at once where the tests ask for it: WB_FAILPOINT=name, or name@3 for the third time."""
    asked = os.environ.get("WB_FAILPOINT", "")
    wanted, _, count = asked.partition("@")
    if wanted != name:
        return
    _passed[name] = _passed.get(name, 0) + 1
    if _passed[name] >= int(count or 1):
        os._exit(9)


_passed: dict[str, int] = {}


def write_folder(target: Path, files: Mapping[str, bytes], note: dict[str, Any]) -> dict[str, Any]:
    """Writes `files` and a manifest (`note` plus their hashes) as `target`, atomically. Returns the manifest.

    Raises Transient when the disk is full; what stood there before stays valid.
    """
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    temp = target.parent / f".{target.name}.{os.getpid()}.tmp"
    shutil.rmtree(temp, ignore_errors=True)
    manifest = {
        **note,
        "files": {
            name: {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)} for name, data in files.items()
        },
    }
    try:
        temp.mkdir()
        failpoint("before_write")
        for name, data in files.items():
            _write(temp / name, data)
            failpoint(f"after_write:{name.split('.')[0]}")
        _write(
            temp / MANIFEST, json.dumps({**manifest, "sha256": _own_hash(manifest)}, indent=1, sort_keys=True).encode()
        )
        failpoint("after_manifest")
        _sync_folder(temp)
        failpoint("before_rename")
        if target.exists():
            shutil.rmtree(target)
        temp.rename(target)
        failpoint("after_rename")
        _sync_folder(target.parent)
        failpoint("after_sync")
    except OSError as e:
        shutil.rmtree(temp, ignore_errors=True)
        if e.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            size = sum(len(d) for d in files.values())
            raise Transient(
                f"The disk is full: {size:,} bytes were to be written.",
                code="DISK_FULL",
                hint="Free some space; the run goes on from its last checkpoint.",
            ) from e
        raise
    return manifest


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """The manifest of a whole, undamaged folder; None when anything is missing or differs from its hash."""
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if manifest.pop("sha256") != _own_hash(manifest):
            return None
        for name, entry in manifest["files"].items():
            if hashlib.sha256((folder / name).read_bytes()).hexdigest() != entry["sha256"]:
                return None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return manifest


class Results:
    """Finished pieces of a run under `folder/stages/`: looked for here first, then in earlier attempts' folders.

    A result counts only when it was made by the same recipe, data and models (`identity`).
    """

    def __init__(self, folder: Path, identity: str, earlier: list[Path], events: Events) -> None:
        self.folder = Path(folder)
        self.identity = identity
        self.events = events
        self.places = [self.folder, *earlier]

    def get(self, name: str) -> Path | None:
        """The folder of a finished result, copied here when an earlier attempt made it."""
        for place in self.places:
            found = place / "stages" / name
            if not found.is_dir():
                continue
            manifest = read_manifest(found)
            if manifest is None:
                self.events.log(f"The stored result '{name}' is damaged and is made again.", "warning")
            elif manifest.get("identity") == self.identity:
                return found if place == self.folder else self._adopt(name, found, manifest)
        return None

    def put(self, name: str, files: Mapping[str, bytes], **note: Any) -> Path:
        target = self.folder / "stages" / name
        write_folder(target, files, {"identity": self.identity, **note})
        return target

    def _adopt(self, name: str, found: Path, manifest: dict[str, Any]) -> Path:
        files = {f: (found / f).read_bytes() for f in manifest["files"]}
        note = {k: v for k, v in manifest.items() if k not in ("files", "identity")}
        return self.put(name, files, **note)


class Checkpoints:
    """Checkpoints of one training arm: `checkpoints/<arm>-step-00000120/`."""

    def __init__(self, folder: Path, arm: str, identity: str, earlier: list[Path], events: Events) -> None:
        self.folder = Path(folder) / "checkpoints"
        self.arm = arm
        self.identity = identity
        self.events = events
        self.places = [self.folder, *(p / "checkpoints" for p in earlier)]

    def save(
        self, step: int, adapter: dict[str, torch.Tensor], state: dict[str, torch.Tensor], note: dict[str, Any]
    ) -> None:
        name = f"{self.arm}-step-{step:08d}"
        files = {"adapter.safetensors": save_tensors(_plain(adapter)), "state.safetensors": save_tensors(_plain(state))}
        manifest = write_folder(
            self.folder / name, files, {"identity": self.identity, "arm": self.arm, "step": step, **note}
        )
        self.events.emit(
            "checkpoint",
            step=step,
            stage=self.arm,
            folder=f"checkpoints/{name}",
            sha256=manifest["files"]["adapter.safetensors"]["sha256"],
        )
        for old in self._here()[:-KEEP]:
            shutil.rmtree(old, ignore_errors=True)

    def newest(self) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor], dict[str, Any]] | None:
        """Adapter tensors, optimizer tensors and manifest of the newest checkpoint that verifies, wherever it lies."""
        found = [c for place in self.places for c in place.glob(f"{self.arm}-step-*") if c.is_dir()]
        for folder in sorted(found, key=lambda c: c.name, reverse=True):
            manifest = read_manifest(folder)
            if manifest is None:
                self.events.log(f"Checkpoint {folder.name} is damaged and is passed over.", "warning")
            elif manifest.get("identity") == self.identity:
                adapter = load_tensors((folder / "adapter.safetensors").read_bytes())
                return adapter, load_tensors((folder / "state.safetensors").read_bytes()), manifest
        if found:
            self.events.log(f"No checkpoint of '{self.arm}' is whole: this stage starts at step 0.", "warning")
        return None

    def clear(self) -> None:
        """Once an arm's result is stored its checkpoints are no longer needed."""
        for old in self._here():
            shutil.rmtree(old, ignore_errors=True)

    def _here(self) -> list[Path]:
        return sorted(self.folder.glob(f"{self.arm}-step-*"))


def _own_hash(manifest: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def _plain(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Contiguous CPU copies in a fixed order, so that equal tensors give equal bytes."""
    return {name: tensors[name].detach().to("cpu").contiguous() for name in sorted(tensors)}


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
