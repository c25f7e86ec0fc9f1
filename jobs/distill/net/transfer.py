"""One file from one address: the connection goes to a number that was judged, bytes and seconds are counted, a broken line
is taken up where it broke. No redirect is followed, no proxy is asked, no cookie is sent.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import re
import shutil
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from ..errors import DistillError, Transient
from .addresses import Address, AddressRefused, Allowed, Resolver, resolve

BLOCK = 64 * 1024
SPARE = 64 * 2**20  # bytes that stay free on the disk
TRIES = 5  # without a new byte; each byte that arrives gives them back
BROKEN = (OSError, http.client.IncompleteRead, http.client.RemoteDisconnected)
ENDINGS = {
    "text/csv": ".csv", "text/tab-separated-values": ".tsv", "application/json": ".json", "application/jsonl": ".jsonl",
    "application/x-ndjson": ".jsonl", "application/jsonlines": ".jsonl", "application/vnd.apache.parquet": ".parquet",
}  # fmt: skip


class FetchFailed(DistillError):
    """The address was asked and gave no file."""

    code = "FETCH_FAILED"


@dataclass(frozen=True)
class Caps:
    """What one download may take. `slowest` is in bytes a second over `window` seconds; `patience` is for one silence."""

    bytes: int = 2 * 2**30
    seconds: float = 3600.0
    slowest: float = 1024.0
    window: float = 60.0
    patience: float = 30.0
    pause: float = 0.5


@dataclass(frozen=True)
class Fetched:
    path: Path
    name: str
    size: int
    sha256: str
    validator: str


@dataclass
class _State:
    """What is known about the part that is already here; kept beside it, for the next attempt."""

    place: Path
    url: str
    validator: str = ""
    name: str = ""

    @property
    def part(self) -> Path:
        return self.place / "part"

    @property
    def have(self) -> int:
        return self.part.stat().st_size if self.part.is_file() else 0

    def save(self) -> None:
        kept = {"url": self.url, "validator": self.validator, "name": self.name}
        (self.place / "part.json").write_text(json.dumps(kept), encoding="utf-8")

    def restart(self) -> None:
        self.part.unlink(missing_ok=True)


Progress = Callable[[int, int | None], None]


def download(
    address: Address,
    place: Path,
    caps: Caps = Caps(),
    *,
    allowed: Iterable[Allowed] = (),
    resolver: Resolver | None = None,
    progress: Progress = lambda done, total: None,
    stopping: Callable[[], bool] = lambda: False,
) -> Fetched | None:
    """The file in the folder `place`, which keeps what arrived between attempts; None when it was asked to stop.

    The host is resolved once. Raises AddressRefused, FetchFailed, and Transient when another attempt may help.
    """
    numbers = resolve(address, allowed, resolver)
    place.mkdir(parents=True, exist_ok=True)
    state, until, tries = _remembered(place, address.url), time.monotonic() + caps.seconds, 0
    while True:
        before = state.have
        try:
            if not _once(address, numbers, state, caps, until, progress, stopping):
                return None
            return _done(state)
        except BROKEN as e:
            _explain_disk(e, state, caps)
            if time.monotonic() >= until:
                raise _too_long(state, caps) from None
            tries = 1 if state.have > before else tries + 1
            if tries >= TRIES:
                raise _broken(address, e, state) from None
            time.sleep(min(caps.pause * 2 ** (tries - 1), max(0.0, until - time.monotonic())))
        except http.client.HTTPException as e:
            what = str(e)[:120] or type(e).__name__
            raise FetchFailed(f"{address.host} does not answer as a web server does: {what}.", field="url") from None


def _remembered(place: Path, url: str) -> _State:
    """The part of an earlier attempt, if it is of the same address and can be told apart from a newer file."""
    state = _State(place, url)
    try:
        kept = json.loads((place / "part.json").read_text(encoding="utf-8"))
        if kept["url"] == url and kept["validator"]:
            state.validator, state.name = kept["validator"], kept["name"]
            return state
    except (OSError, ValueError, KeyError, TypeError):
        pass
    state.restart()
    return state


def _once(
    address: Address,
    numbers: list[str],
    state: _State,
    caps: Caps,
    until: float,
    progress: Progress,
    stopping: Callable[[], bool],
) -> bool:
    """One connection; False when asked to stop. Raises what broke it."""
    with _connected(address, numbers, caps, until) as connection:
        have = state.have
        connection.request("GET", address.target, headers=_headers(address, state, have))
        answer = connection.getresponse()
        if answer.status == 416 and have:
            state.restart()
            raise ConnectionResetError("the part that was here does not belong to this file")
        _check_status(address, answer)
        total = _begin(address, answer, state, have, caps)
        _check_disk(state, total)
        return _receive(answer, state, total, caps, until, progress, stopping)


def _headers(address: Address, state: _State, have: int) -> dict[str, str]:
    headers = {
        "Host": address.place,
        "User-Agent": "distillation-workbench",
        "Accept": "*/*",
        "Accept-Encoding": "identity",
        "Connection": "close",
    }
    return headers | ({"Range": f"bytes={have}-", "If-Range": state.validator} if have else {})


@contextlib.contextmanager
def _connected(address: Address, numbers: list[str], caps: Caps, until: float) -> Iterator[http.client.HTTPConnection]:
    """A connection to the first judged number that answers; everything on it ends at `until`, however slow the other side is."""
    connection = http.client.HTTPConnection(address.host, address.port, timeout=caps.patience)
    live = [_first(numbers, address.port, min(caps.patience, max(0.1, until - time.monotonic())))]
    timer = threading.Timer(max(0.0, until - time.monotonic()), lambda: _shut(live[0]))
    timer.daemon = True
    timer.start()
    try:
        if address.scheme == "https":
            live[0] = safe = _secured(live[0], address.host)
            safe.do_handshake()
        connection.sock = live[0]
        yield connection
    except ssl.SSLCertVerificationError as e:
        raise FetchFailed(
            f"{address.host} does not show a certificate that this machine trusts: {e.verify_message}.",
            field="url",
            hint="Ask whoever runs that server, or set SSL_CERT_FILE for a certificate of your own.",
        ) from None
    finally:
        timer.cancel()
        connection.close()
        live[0].close()


def _first(numbers: list[str], port: int, seconds: float) -> socket.socket:
    problem: OSError = OSError("no number")
    for number in numbers:
        try:
            made = socket.create_connection((number, port), timeout=seconds)
        except OSError as e:
            problem = e
            continue
        if made.getpeername()[0].partition("%")[0] != number.partition("%")[0]:
            made.close()
            raise AddressRefused("The connection went elsewhere than it was sent.", field="url")
        return made
    raise problem


def _secured(plain: socket.socket, host: str) -> ssl.SSLSocket:
    """The certificate is asked for by the name, not by the number; the handshake is the caller's."""
    return ssl.create_default_context().wrap_socket(plain, server_hostname=host, do_handshake_on_connect=False)


def _shut(made: socket.socket) -> None:
    """Wakes whoever reads from it. The socket's own method: an encrypted one would first say goodbye, and wait."""
    with contextlib.suppress(OSError):
        socket.socket.shutdown(made, socket.SHUT_RDWR)


def _check_status(address: Address, answer: http.client.HTTPResponse) -> None:
    """Raises for every status but 200 and 206."""
    status = answer.status
    if status in (200, 206):
        return
    if 300 <= status < 400:
        place = "".join(c for c in answer.headers.get("Location", "nowhere") if c.isprintable())[:300]
        raise FetchFailed(
            f"The address answers with a redirect ({status}) to {place}. Redirects are not followed.",
            code="REDIRECT",
            field="url",
            hint="If you trust that address, give it itself.",
        )
    words = {
        401: "it asks for a password or a key",
        403: "it does not let us in",
        404: "there is nothing at this address",
        410: "what was there is gone",
        429: "it was asked too often",
    }
    error = FetchFailed(
        f"{address.host} answered {status}: {words.get(status, 'it could not or would not give the file')}.",
        field="url",
        hint="Open the address in a browser without signing in: what you see there is what we get.",
    )
    error.retry = status == 429 or status >= 500
    raise error


def _begin(address: Address, answer: http.client.HTTPResponse, state: _State, have: int, caps: Caps) -> int | None:
    """Bytes of the whole file where they are known. What was here is dropped unless the answer goes on exactly there."""
    length = answer.headers.get("Content-Length", "")
    coming = int(length) if re.fullmatch(r"\d{1,15}", length) else None
    where = re.fullmatch(r"bytes (\d{1,15})-\d{1,15}/(?:\d{1,15}|\*)", answer.headers.get("Content-Range", ""))
    if answer.status == 206 and (not where or int(where[1]) != have):
        state.restart()
        raise ConnectionResetError("the server went on at another place")
    if answer.status == 200 and have:
        state.restart()
        have = 0
    etag = answer.headers.get("ETag", "")
    state.validator = etag if etag.startswith('"') else answer.headers.get("Last-Modified", "")
    state.name = state.name or _name(address, answer)
    state.save()
    total = None if coming is None else have + coming
    if total is not None and total > caps.bytes:
        raise _too_big(f"The file has {total:,} bytes; the limit is {caps.bytes:,}.", caps)
    return total


def _name(address: Address, answer: http.client.HTTPResponse) -> str:
    """What the server calls the file, else the last part of the address; with an ending that says its kind."""
    try:
        name = answer.headers.get_filename() or ""
    except (ValueError, LookupError, TypeError):
        name = ""
    name = (name or unquote(address.name, errors="replace")).replace("\\", "/").rpartition("/")[2][:200]
    ending = ENDINGS.get(answer.headers.get_content_type(), "")
    return name if "." in name or not ending else name + ending


def _receive(
    answer: http.client.HTTPResponse,
    state: _State,
    total: int | None,
    caps: Caps,
    until: float,
    progress: Progress,
    stopping: Callable[[], bool],
) -> bool:
    done, mark, at_mark = state.have, time.monotonic(), state.have
    with state.part.open("ab") as file:
        while data := answer.read1(BLOCK):
            done += len(data)
            if done > caps.bytes:
                state.restart()
                raise _too_big(f"The file goes on beyond {caps.bytes:,} bytes, the most that is taken.", caps)
            file.write(data)
            progress(done, total)
            now = time.monotonic()
            if now - mark >= caps.window:
                if (done - at_mark) / (now - mark) < caps.slowest:
                    raise _too_slow((done - at_mark) / (now - mark), caps)
                mark, at_mark = now, done
            if stopping():
                return False
    if time.monotonic() >= until:
        raise TimeoutError
    if total is not None and done < total:
        raise ConnectionResetError(f"{done:,} of {total:,} bytes arrived")
    return True


def _done(state: _State) -> Fetched:
    with state.part.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Fetched(state.part, state.name, state.have, digest, state.validator)


def _check_disk(state: _State, total: int | None) -> None:
    free = shutil.disk_usage(state.place).free
    if total is not None and total - state.have + SPARE > free:
        raise _disk(f"The file has {total:,} bytes; the disk has {free:,} left.")


def _explain_disk(error: Any, state: _State, caps: Caps) -> None:
    if isinstance(error, OSError) and error.errno in (28, 122):
        raise _disk(f"The disk is full: {state.have:,} bytes of the file are here.") from None


def _disk(message: str) -> Transient:
    return Transient(message, code="DISK_FULL", hint="Free some space on the worker, or set DATA_DIR to a larger disk.")


def _too_big(message: str, caps: Caps) -> FetchFailed:
    hint = "Fetch it in parts, or a compressed copy."
    return FetchFailed(message, code="TOO_LARGE", field="url", hint=hint, limit=caps.bytes)


def _too_slow(rate: float, caps: Caps) -> FetchFailed:
    return FetchFailed(
        f"{rate:,.0f} bytes a second arrive over {caps.window:,.0f} s; less than {caps.slowest:,.0f} are not waited for.",
        code="TOO_SLOW",
        field="url",
        hint="Try again later, or download the file yourself and upload it.",
    )


def _too_long(state: _State, caps: Caps) -> FetchFailed:
    return FetchFailed(
        f"The file did not arrive within {caps.seconds:,.0f} s; {state.have:,} bytes did.",
        code="TOO_SLOW",
        field="url",
        hint="Try again later, or download the file yourself and upload it.",
    )


def _broken(address: Address, error: BaseException, state: _State) -> Transient:
    kind = "it took too long" if isinstance(error, TimeoutError) else str(error).partition("]")[2].strip() or str(error)
    return Transient(
        f"The connection to {address.host} broke {TRIES} times ({kind[:120] or 'no reason given'}); {state.have:,} bytes are here.",
        code="FETCH_BROKEN",
        field="url",
        hint="It goes on from there when it is tried again.",
    )
