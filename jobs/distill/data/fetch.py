"""Verb `fetch_dataset` of the engine child: a file from an address, or files of a hub dataset, become one file and a first look."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..errors import DataRefused, HubUnavailable
from ..events import Events
from ..models import hub
from ..net.addresses import read, read_allowed
from ..net.transfer import Caps, download
from . import hub_files, one_file
from .limits import size
from .look import first_look
from .verbs import file_sha256

CARD_BYTES = 2**20
NOT_PLAIN = re.compile(r"[^\w=-]+")


def stopped() -> BaseException:
    """What tells the supervisor that the work goes on later; loaded only then, because it comes with the trainer."""
    from ..arm import Stopped

    return Stopped()


@dataclass
class Stop:
    """Set by SIGTERM: the work stops at the next byte and goes on there in the next attempt."""

    event: threading.Event = field(default_factory=threading.Event)

    def listen(self) -> None:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, lambda number, frame: self.event.set())

    def check(self) -> None:
        if self.event.is_set():
            raise stopped()


def fetch_dataset(folder: Path, events: Events) -> dict[str, Any]:
    """params.json {source: "url", url, private_hosts} or {source: "hub", dataset, config, split, revision}, both with `place`
    (kept between attempts) and `caps` {bytes, seconds} -> `fetched/FILE` and report.json.

    report: {file, filename, size, sha256, origin, findings}. The hub token comes by the environment. Raises AddressRefused,
    FetchFailed, HubUnavailable, DataRefused; Stopped after SIGTERM.
    """
    folder, stop = Path(folder), Stop()
    stop.listen()
    params = json.loads((folder / "params.json").read_text(encoding="utf-8"))
    events.emit("phase", phase="prepare", stage="fetch", total=None)
    place = Path(params.get("place") or folder / "place")
    place.mkdir(parents=True, exist_ok=True)
    path, name, origin = (_from_hub if params["source"] == "hub" else _from_address)(params, place, events, stop)
    stop.check()
    events.emit("phase", phase="prepare", stage="look", total=None)
    findings = first_look(path, name)
    (folder / "fetched").mkdir(exist_ok=True)
    target = folder / "fetched" / "file"
    _hand_over(path, target)
    sha256 = file_sha256(target)
    report = {"file": "fetched/file", "filename": name, "size": target.stat().st_size, "sha256": sha256}
    report |= {"origin": origin, "findings": findings}
    (folder / "report.json").write_text(json.dumps(report, ensure_ascii=False, indent=1), encoding="utf-8")
    events.emit("report", report={k: v for k, v in report.items() if k != "findings"})
    return report


def _hand_over(path: Path, target: Path) -> None:
    """The same bytes under another name, without a copy where the disk allows it."""
    target.unlink(missing_ok=True)
    try:
        os.link(path, target)
    except OSError:
        shutil.copyfile(path, target)


def _caps(params: dict[str, Any]) -> Caps:
    return Caps(**{name: params["caps"][name] for name in ("bytes", "seconds") if name in params.get("caps", {})})


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


class _Meter:
    """Progress of a download whose size may not be known; an event at most twice a second, and one at the end."""

    def __init__(self, events: Events) -> None:
        self.events, self.began, self.told = events, time.monotonic(), 0.0
        self.first: int | None = None

    def __call__(self, done: int, total: int | None) -> None:
        now = time.monotonic()
        self.first = done if self.first is None else self.first
        if now - self.told < 0.5 and done != total:
            return
        self.told = now
        rate = (done - self.first) / max(1e-3, now - self.began)
        eta = (total - done) / rate if total is not None and rate else None
        self.events.emit("progress", phase="prepare", done=done, total=total, unit="bytes", rate=rate, eta=eta)


def _from_address(params: dict[str, Any], place: Path, events: Events, stop: Stop) -> tuple[Path, str, dict[str, Any]]:
    allowed = read_allowed(params.get("private_hosts") or "")
    address = read(params["url"], allowed)
    tick = _Meter(events)
    found = download(address, place, _caps(params), allowed=allowed, progress=tick, stopping=stop.event.is_set)
    if found is None:
        raise stopped()
    origin = {"kind": "address", "url": address.shown, "bytes": found.size, "sha256": found.sha256, "at": _now()}
    return found.path, found.name, origin | ({"validator": found.validator[:200]} if found.validator else {})


def _from_hub(params: dict[str, Any], place: Path, events: Events, stop: Stop) -> tuple[Path, str, dict[str, Any]]:
    key, asked = params["dataset"], params.get("revision") or None
    token = os.environ.get("WB_HUB_TOKEN") or os.environ.get("HF_TOKEN") or None
    commit, sizes = listing(key, asked, token)
    events.log(f"{key} is pinned to commit {commit}.")
    card = _card(key, commit, sizes, place, token)
    chosen = hub_files.choose(key, sizes, card, params.get("config") or "", params.get("split") or "")
    if chosen.left:
        events.log(f"{len(chosen.left)} Python files of {key} are not data and are left alone.")
    caps, names = _caps(params), [name for _, name in chosen.files]
    _check_size(key, chosen, sum(sizes[n] for n in names), caps)
    progress = hub.Progress(events, sum(sizes[n] for n in names))
    for name in names:
        stop.check()
        try:
            hub.fetch(key, commit, name, sizes[name], place / commit, token, progress, "dataset")
        except HubUnavailable:
            stop.check()
            raise
    origin = _hub_origin(key, commit, asked, chosen, place / commit)
    stem = "-".join(
        [key.replace("/", "-"), *([chosen.config] if chosen.config != hub_files.DEFAULT else []), *chosen.splits]
    )
    stem = NOT_PLAIN.sub("_", stem)[:150]  # a card may call its configuration ../../x
    return *_together(chosen, place / commit, stem, caps), origin


def _check_size(key: str, chosen: hub_files.Chosen, total: int, caps: Caps) -> None:
    if total > caps.bytes:
        raise DataRefused(
            f"The {len(chosen.files)} files of {key} ({', '.join(chosen.splits)}) have {size(total)}; the limit is {size(caps.bytes)}.",
            code="TOO_LARGE",
            field="split",
            hint="Choose a smaller split or configuration.",
        )


def _together(chosen: hub_files.Chosen, place: Path, stem: str, caps: Caps) -> tuple[Path, str]:
    """(file, its name): the one file as it came, else all of them put together."""
    if len(chosen.files) == 1:
        name = chosen.files[0][1]
        ending = ".".join(name.rpartition("/")[2].split(".")[-2 if name.endswith(".gz") else -1 :])
        return place / name, f"{stem}.{ending}"
    pieces: Sequence[one_file.Piece] = [(split, place / name) for split, name in chosen.files]
    joined = one_file.join(pieces, chosen.format, place.parent / "joined" / stem, caps.bytes)
    return joined, joined.name


def _hub_origin(key: str, commit: str, asked: str | None, chosen: hub_files.Chosen, place: Path) -> dict[str, Any]:
    files = [
        {"name": name, "split": split, "size": (place / name).stat().st_size, "sha256": file_sha256(place / name)}
        for split, name in chosen.files
    ]
    origin = {"kind": "hub", "dataset": key, "revision": commit, "asked": asked or "main", "config": chosen.config}
    return origin | {"splits": chosen.splits, "files": files, "licence": chosen.licence[:200], "at": _now()}


def listing(key: str, revision: str | None, token: str | None) -> tuple[str, dict[str, int]]:
    """(commit hash, file name -> bytes) of a dataset's revision. Raises HubUnavailable."""
    from huggingface_hub import HfApi

    hub.check_names(key, revision, "dataset")
    with hub.in_words(key, revision, token, "dataset"):
        info = HfApi(endpoint=hub.endpoint(), token=token or False).dataset_info(
            key, revision=revision, files_metadata=True, timeout=20
        )
    if not info.sha or len(info.sha) != 40 or set(info.sha) - set("0123456789abcdef"):
        raise HubUnavailable(
            f"The hub named no commit for {key}.", code="HUB_PROTOCOL", hint="Check HF_ENDPOINT: is it a hub?"
        )
    return info.sha, {s.rfilename: int(s.size or 0) for s in info.siblings or []}


def _card(key: str, commit: str, sizes: dict[str, int], place: Path, token: str | None) -> str:
    """The text of README.md; empty where there is none or it is too long to be read."""
    if not 0 < sizes.get("README.md", 0) <= CARD_BYTES:
        return ""
    quiet = hub.Progress(None, 0)
    hub.fetch(key, commit, "README.md", sizes["README.md"], place / commit, token, quiet, "dataset")
    return (place / commit / "README.md").read_text(encoding="utf-8", errors="replace")
