"""A model from a hub by id and revision: pinned to a commit, only safe files, resumable, every byte verified.

The library's own downloader starts a file again when its process was killed; a 15 GB file on a slow line would never
arrive. So the bytes of a file are kept in `.NAME.ETAG.part` and continued from there.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..errors import DistillError, HubUnavailable, ModelRejected
from ..events import Events
from .config import read_config
from .folder import MODEL_FILES, TEXT_FILES

MARKER = ".hub.json"  # in the target folder: what was fetched; written last
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}(/[A-Za-z0-9][A-Za-z0-9._-]{0,95})?")
_REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,199}")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_WEIGHTS = re.compile(r"model(-\d{5}-of-\d{5})?\.safetensors")
DEFAULT_ENDPOINT = "https://huggingface.co"
SMALL_FILE = 80 * 2**20  # everything but weights
CHUNK = 64 * 2**10  # what a cut connection may lose; the library's 10 MB are minutes of silence on a slow line
OFFLINE = {
    "model": "copy the model's folder to this machine and add it as a folder, or use a sample model.",
    "dataset": "bring its files to your computer and upload them.",
}
SPARE = 256 * 2**20  # bytes that stay free on the disk


@dataclass(frozen=True)
class Fetched:
    """A complete local copy. `files` maps each name to its size in bytes."""

    folder: Path
    key: str
    revision: str
    files: dict[str, int]


@dataclass
class Progress:
    """Bytes of the whole download; an event at most twice a second."""

    events: Events | None
    total: int
    done: int = 0
    fresh: int = 0
    started: float = field(default_factory=time.monotonic)
    told: float = 0.0

    def add(self, n: int, *, fresh: bool = True) -> None:
        self.done += n
        self.fresh += n if fresh else 0
        now = time.monotonic()
        if self.events and (now - self.told > 0.5 or self.done >= self.total):
            rate = self.fresh / max(1e-3, now - self.started)
            eta = max(0, self.total - self.done) / rate if rate else None
            self.events.emit(
                "progress", phase="prepare", done=self.done, total=self.total, unit="bytes", rate=rate, eta=eta
            )
            self.told = now


def endpoint() -> str:
    return os.environ.get("HF_ENDPOINT", "").rstrip("/") or DEFAULT_ENDPOINT


def is_key(text: str) -> bool:
    """Whether this can be a hub id: org/name, or a name alone (gpt2)."""
    return bool(_KEY.fullmatch(text)) and ".." not in text


def download(
    key: str, revision: str | None, target: Path, *, token: str | None = None, events: Events | None = None
) -> Fetched:
    """The model `key` at `revision` (branch, tag, commit; None: main) in the folder `target`.

    What an earlier attempt fetched is kept. Without a network a complete copy of the same revision is used. Raises
    HubUnavailable (offline, not found, gated, no such revision) and ModelRejected (no safetensors, unsupported).
    """
    target = Path(target)
    check_names(key, revision)
    if (kept := complete_copy(target, key, revision)) and _COMMIT.fullmatch(revision or ""):
        return kept
    try:
        commit, sizes = _listing(key, revision, token)
    except HubUnavailable as e:
        if kept and e.retry:
            if events:
                events.log(
                    f"The hub cannot be reached; the local copy of {key} at {kept.revision[:12]} is used.", "warning"
                )
            return kept
        raise
    if kept and kept.revision == commit:
        return kept
    target.mkdir(parents=True, exist_ok=True)
    (target / MARKER).unlink(missing_ok=True)
    files = _choose(key, sizes)
    _check_disk(target, sum(sizes[f] for f in files))
    progress = Progress(events, sum(sizes[f] for f in files))
    for name in files:
        fetch(key, commit, name, sizes[name], target, token, progress)
        if name == "config.json":
            read_config(target)  # an unsupported model is refused before gigabytes of it arrive
    return _seal(target, key, revision, commit, {f: sizes[f] for f in files})


def pin(key: str, revision: str | None, *, token: str | None = None) -> str:
    """The commit hash a branch or tag points to now. Raises HubUnavailable."""
    check_names(key, revision)
    return _listing(key, revision, token)[0]


def complete_copy(target: Path, key: str, revision: str | None) -> Fetched | None:
    """The copy in `target` when it is complete and answers to this key and revision."""
    try:
        marker = json.loads((target / MARKER).read_text(encoding="utf-8"))
        same = marker["key"] == key and (revision or "main") in (marker["asked"], marker["revision"])
        whole = all((target / name).stat().st_size == n for name, n in marker["files"].items())
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return Fetched(target, key, marker["revision"], marker["files"]) if same and whole else None


def _seal(target: Path, key: str, asked: str | None, commit: str, files: dict[str, int]) -> Fetched:
    """Removes what is not of this revision and writes the marker."""
    for path in target.iterdir():
        if path.name not in files and path.is_file():
            path.unlink()
    text = json.dumps({"key": key, "asked": asked or "main", "revision": commit, "files": files}, indent=1)
    partial = target / (MARKER + ".new")
    partial.write_text(text, encoding="utf-8")
    partial.replace(target / MARKER)
    return Fetched(target, key, commit, files)


def check_names(key: str, revision: str | None, kind: str = "model") -> None:
    if not is_key(key):
        raise HubUnavailable(
            f"{key[:80]!r} is not a {kind} id. Ids look like org/name.",
            code="HUB_ID",
            field=kind,
            hint=f"Copy the id from the {kind}'s page on the hub.",
        )
    if revision is not None and (not _REVISION.fullmatch(revision) or ".." in revision):
        raise HubUnavailable(
            f"{revision[:80]!r} is not a revision: a branch, a tag or a commit hash.",
            code="HUB_REVISION",
            field="revision",
        )


def _listing(key: str, revision: str | None, token: str | None) -> tuple[str, dict[str, int]]:
    """(commit hash, file name -> bytes) of a revision."""
    from huggingface_hub import HfApi

    with in_words(key, revision, token):
        info = HfApi(endpoint=endpoint(), token=token or False).model_info(
            key, revision=revision, files_metadata=True, timeout=20
        )
    if not info.sha or not _COMMIT.fullmatch(info.sha):
        raise HubUnavailable(
            f"The hub named no commit for {key}.", code="HUB_PROTOCOL", hint="Check HF_ENDPOINT: is it a hub?"
        )
    return info.sha, {s.rfilename: int(s.size or 0) for s in info.siblings or []}


def _choose(key: str, sizes: dict[str, int]) -> list[str]:
    """Names to fetch, small ones first: config, tokenizer, template, texts, then the weights. Never pickles, never code."""
    plain = [f for f in sizes if "/" not in f]
    weights = sorted(f for f in plain if _WEIGHTS.fullmatch(f))
    if "model.safetensors.index.json" in plain and len(weights) > 1:
        weights = [f for f in weights if f != "model.safetensors"]
    small = [
        f
        for f in plain
        if not f.endswith(".safetensors")
        and (MODEL_FILES.fullmatch(f) or TEXT_FILES.fullmatch(f))
        and sizes[f] <= SMALL_FILE
    ]
    if not weights:
        kinds = sorted(
            {Path(f).suffix for f in plain if f.endswith((".bin", ".pt", ".pth", ".gguf", ".h5", ".msgpack"))}
        )
        has = f" It has {', '.join(kinds)} files, which are not read: pickle files can run code." if kinds else ""
        raise ModelRejected(
            f"{key} has no safetensors weights.{has}",
            code="MODEL_NO_WEIGHTS",
            field="model",
            hint="Choose a model, or a revision of it (some have a pull request that converts it), with model.safetensors.",
        )
    if "config.json" not in small:
        raise ModelRejected(
            f"{key} has no config.json, so it is not a transformers model.",
            code="MODEL_NO_CONFIG",
            field="model",
            hint="Choose the original model rather than a conversion for another program.",
        )
    return ["config.json", *sorted(f for f in small if f != "config.json"), *weights]


def _check_disk(target: Path, size: int) -> None:
    have = sum(p.stat().st_size for p in target.iterdir() if p.is_file())
    free = shutil.disk_usage(target).free
    if size - have + SPARE > free:
        raise DistillError(
            f"The model takes {size / 2**30:.1f} GiB, {have / 2**30:.1f} of them are here; the disk has {free / 2**30:.1f} GiB left.",
            code="DISK_FULL",
            field="model",
            hint="Free some space where the models are kept, or set DATA_DIR to a larger disk.",
        )


def fetch(
    key: str,
    commit: str,
    name: str,
    size: int,
    target: Path,
    token: str | None,
    progress: Progress,
    kind: str = "model",
) -> None:
    """One file: skipped when it is there and right, continued when it was cut, verified against the hub's hash."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers

    url = hf_hub_url(key, name, repo_type=kind, revision=commit, endpoint=endpoint())
    with in_words(key, commit, token, kind):
        meta = get_hf_file_metadata(url, token=token or False, endpoint=endpoint(), timeout=20)
        etag = re.sub(r"[^0-9A-Za-z]", "", meta.etag or "")[:64]
        size = meta.size if meta.size is not None else size
        final = target / name
        final.parent.mkdir(parents=True, exist_ok=True)
        part = final.with_name(f".{final.name}.{etag[:16]}.part")
        if final.is_file() and final.stat().st_size == size and _is_right(final, etag):
            return progress.add(size, fresh=False)
        same_host = urlsplit(meta.location).netloc == urlsplit(url).netloc
        headers = build_hf_headers(token=token or False) if same_host else build_hf_headers(token=False)
        with part.open("ab") as f:
            have = f.tell()
            if have > size:
                f.truncate(0)
                have = 0
            progress.add(have, fresh=False)
            http_get(
                meta.location, f, resume_size=have, headers=headers, expected_size=size, tqdm_class=_meter(progress)
            )  # type: ignore[arg-type]
    if not _is_right(part, etag):
        part.unlink()
        raise HubUnavailable(
            f"{name} arrived damaged: its hash is not the hub's.", code="HUB_DAMAGED", hint="Try again."
        )
    part.replace(final)
    return None


def _is_right(path: Path, etag: str) -> bool:
    """The hub's etag is the sha256 of a large file, the git blob id (SHA-1) of a small one; other servers have their own."""
    if not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", etag):
        return True
    digest = (
        hashlib.sha256() if len(etag) == 64 else hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    )
    with path.open("rb") as f:
        while block := f.read(1 << 20):
            digest.update(block)
    return digest.hexdigest() == etag


def _meter(progress: Progress) -> type:
    """What the library calls with every chunk instead of drawing a bar."""
    from tqdm import tqdm

    class Meter(tqdm):  # type: ignore[type-arg]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **{**kwargs, "disable": True})

        def update(self, n: float | None = 1) -> bool | None:
            progress.add(int(n or 0))
            return True

    return Meter


@contextmanager
def _online() -> Iterator[None]:
    """Engine children run with HF_HUB_OFFLINE=1, so that loading a model never calls anywhere. This module is the one
    that was asked to."""
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE, constants.DOWNLOAD_CHUNK_SIZE
    constants.HF_HUB_OFFLINE, constants.DOWNLOAD_CHUNK_SIZE = False, CHUNK
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE, constants.DOWNLOAD_CHUNK_SIZE = before


@contextmanager
def in_words(key: str, revision: str | None, token: str | None, kind: str = "model") -> Iterator[None]:
    """The library's errors as sentences with a remedy."""
    try:
        with _online():
            yield
    except DistillError:
        raise
    except Exception as e:
        raise _words(e, key, revision, bool(token), kind) from e


def _words(e: Exception, key: str, revision: str | None, has_token: bool, kind: str) -> HubUnavailable:
    from huggingface_hub import errors

    status = getattr(getattr(e, "response", None), "status_code", None)
    host = urlsplit(endpoint()).netloc
    page = f"{endpoint()}/{'datasets/' if kind == 'dataset' else ''}{key}"
    if isinstance(e, errors.GatedRepoError) or status == 403:
        return HubUnavailable(
            f"{key} is gated: its authors ask that you accept their terms first{'' if has_token else ', and no token is set'}.",
            code="HUB_GATED",
            field=kind,
            hint=f"Open {page}, accept the terms, then {'try again' if has_token else 'save an access token for the hub'}.",
        )
    if isinstance(e, errors.RevisionNotFoundError):
        return HubUnavailable(
            f"{key} has no revision {(revision or 'main')[:60]!r}.",
            code="HUB_REVISION",
            field="revision",
            hint="Leave the revision empty for the newest, or copy a commit hash from its history.",
        )
    if status == 401 or isinstance(e, errors.RepositoryNotFoundError):
        why = "or your token may not see it" if has_token else "or it is private or gated and no token is set"
        return HubUnavailable(
            f"{host} has no {kind} {key}, {why}.",
            code="HUB_NOT_FOUND",
            field=kind,
            hint=f"Check the spelling (org/name); for a private or gated {kind} save an access token.",
        )
    if isinstance(e, errors.EntryNotFoundError) or status == 404:
        return HubUnavailable(
            f"A file of {key} is gone from {host}.",
            code="HUB_NOT_FOUND",
            field=kind,
            hint="Try again, or choose another revision.",
        )
    error = HubUnavailable(
        f"{host} cannot be reached ({_reason(e, status)}).",
        code="HUB_OFFLINE",
        hint=f"Check the network, or HF_ENDPOINT for a mirror. Without a network: {OFFLINE[kind]}",
    )
    error.retry = True
    return error


def _reason(e: Exception, status: int | None) -> str:
    if status:
        return f"it answered {status}"
    name = type(e).__name__.lower()
    return (
        "it took too long"
        if "timeout" in name
        else "the connection was cut"
        if "protocol" in name or "read" in name or isinstance(e, OSError) and "size" in str(e)
        else "no connection"
    )
