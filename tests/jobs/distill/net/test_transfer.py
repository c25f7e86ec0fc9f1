"""Downloads from a real server on this machine, which an administrator listed."""

from __future__ import annotations

import errno
import gzip
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jobs.distill.errors import DistillError, Transient
from jobs.distill.net import transfer
from jobs.distill.net.addresses import AddressRefused, read, read_allowed
from jobs.distill.net.transfer import Caps, Fetched, FetchFailed, download

from .server import Handler, Server, serving

QUICK = Caps(pause=0.01, patience=2, seconds=10)
DATA = os.urandom(400_000)


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as one:
        one.files["/rows.bin"] = DATA
        yield one


def fetch(server: Server, path: str, place: Path, caps: Caps = QUICK, **more: Any) -> Fetched:
    entries = read_allowed(server.allowed)
    found = download(read(server.url + path, entries), place, caps, allowed=entries, **more)
    assert found
    return found


def refused(server: Server, path: str, place: Path, caps: Caps = QUICK, **more: Any) -> DistillError:
    with pytest.raises(DistillError) as e:
        fetch(server, path, place, caps, **more)
    return e.value


def test_it_brings_the_file_with_name_size_and_hash(server: Server, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    found = fetch(server, "/rows.bin?key=1", tmp_path, progress=lambda done, total: seen.append((done, total)))
    assert found.path.read_bytes() == DATA and (found.name, found.size) == ("rows.bin", len(DATA))
    assert seen[-1] == (len(DATA), len(DATA)) and server.asked == [("/rows.bin?key=1", "")]
    assert not {"Cookie", "Authorization", "Referer"} & set(server.heads[0])


def test_it_goes_on_where_the_line_broke(server: Server, tmp_path: Path) -> None:
    server.cuts = [100_000, 0, 50_000]
    assert fetch(server, "/rows.bin", tmp_path).path.read_bytes() == DATA
    assert [r for _, r in server.asked] == ["", "bytes=100000-", "bytes=100000-", "bytes=150000-"]


def test_another_attempt_goes_on_too(server: Server, tmp_path: Path) -> None:
    stop = threading.Event()
    entries = read_allowed(server.allowed)
    address = read(server.url + "/rows.bin", entries)
    assert (
        download(address, tmp_path, QUICK, allowed=entries, progress=lambda d, t: stop.set(), stopping=stop.is_set)
        is None
    )
    kept = (tmp_path / "part").stat().st_size
    assert 0 < kept < len(DATA)
    assert fetch(server, "/rows.bin", tmp_path).path.read_bytes() == DATA
    assert server.asked[-1] == ("/rows.bin", f"bytes={kept}-")


def test_it_starts_again_when_the_file_changed_meanwhile(server: Server, tmp_path: Path) -> None:
    server.cuts = [100_000] + [0] * 5
    assert refused(server, "/rows.bin", tmp_path).retry
    server.files["/rows.bin"] = other = os.urandom(300_000)
    assert fetch(server, "/rows.bin", tmp_path).path.read_bytes() == other


def test_it_keeps_nothing_that_it_could_not_tell_from_a_newer_file(server: Server, tmp_path: Path) -> None:
    def bare(handler: Handler) -> None:
        handler.head(200, {"Content-Length": "1000"})
        handler.wfile.write(b"a" * 400)
        handler.close_connection = True

    server.ways["/bare"] = bare
    error = refused(server, "/bare", tmp_path)
    assert isinstance(error, Transient) and "broke 5 times" in error.message
    server.ways.pop("/bare")
    server.files["/bare"] = b"b" * 1000
    assert fetch(server, "/bare", tmp_path).path.read_bytes() == b"b" * 1000


@pytest.mark.parametrize("target", ["http://127.0.0.1/", "file:///etc/passwd", "/elsewhere", "http://x/\x07\x1b[31m"])
def test_h66_it_follows_no_redirect_and_shows_where_it_led(server: Server, tmp_path: Path, target: str) -> None:
    server.ways["/go"] = lambda h: h.say(302, Location=target)
    error = refused(server, "/go", tmp_path)
    shown = "".join(c for c in target if c.isprintable())
    assert (
        error.code == "REDIRECT"
        and shown in error.message
        and "not followed" in error.message
        and "\x1b" not in error.message
    )
    assert len(server.asked) == 1


def test_h66_thirty_redirects_are_one(server: Server, tmp_path: Path) -> None:
    for n in range(30):
        server.ways[f"/{n}"] = lambda h, n=n: h.say(307, Location=f"/{n + 1}")
    assert refused(server, "/0", tmp_path).code == "REDIRECT" and len(server.asked) == 1


def test_h64_a_name_is_looked_up_once_and_the_connection_goes_there(server: Server, tmp_path: Path) -> None:
    """Rebinding: the second answer would be another machine. Lines break, and still nobody asks again."""
    answers = iter([["127.0.0.1"], ["127.0.0.9"], ["10.0.0.1"]])
    entries = read_allowed(f"rebind.example:{server.server_port}")
    address = read(f"http://rebind.example:{server.server_port}/rows.bin", entries)
    server.cuts = [1000, 1000]
    found = download(address, tmp_path, QUICK, allowed=entries, resolver=lambda host, port: next(answers))
    assert found and found.size == len(DATA) and next(answers) == ["127.0.0.9"]
    assert server.heads[0]["Host"] == f"rebind.example:{server.server_port}"


def test_h64_a_public_answer_first_does_not_open_the_private_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The number that was judged is the number that is asked; the name plays no part any more."""
    asked: list[Any] = []

    def connect(place: tuple[str, int], timeout: float) -> socket.socket:
        asked.append(place)
        raise ConnectionRefusedError(errno.ECONNREFUSED, "refused")

    monkeypatch.setattr(socket, "create_connection", connect)
    answers = iter([["93.184.216.34"], ["127.0.0.1"]])
    with pytest.raises(Transient):
        download(read("http://rebind.example/"), tmp_path, QUICK, resolver=lambda host, port: next(answers))
    assert set(asked) == {("93.184.216.34", 80)}


def test_h60_it_connects_to_nothing_private(tmp_path: Path, server: Server) -> None:
    with pytest.raises(AddressRefused):
        download(read("http://intern.example/"), tmp_path, QUICK, resolver=lambda host, port: ["127.0.0.1"])
    assert server.asked == [] and not list(tmp_path.iterdir())


def test_it_asks_no_proxy(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert fetch(server, "/rows.bin", tmp_path).size == len(DATA)


def test_h68_it_stops_at_the_announced_size_and_at_the_counted_one(server: Server, tmp_path: Path) -> None:
    small = Caps(bytes=100_000, pause=0.01)
    error = refused(server, "/rows.bin", tmp_path, small)
    assert error.code == "TOO_LARGE" and "400,000 bytes; the limit is 100,000" in error.message

    def endless(handler: Handler) -> None:
        handler.head(200, {"Connection": "close"})
        for _ in range(10_000):
            handler.wfile.write(b"x" * 65536)

    server.ways["/endless"] = endless
    assert "goes on beyond 100,000 bytes" in refused(server, "/endless", tmp_path, small).message
    assert not (tmp_path / "part").exists()


def test_h68_it_does_not_wait_for_a_trickle(server: Server, tmp_path: Path) -> None:
    def trickle(handler: Handler) -> None:
        handler.head(200, {"Content-Length": "100000"})
        handler.drip(b"x" * 200, 0.02)

    server.ways["/slow"] = trickle
    slow = refused(server, "/slow", tmp_path, Caps(window=0.3, slowest=10_000))
    assert slow.code == "TOO_SLOW" and "less than 10,000 are not waited for" in slow.message


def test_h68_it_ends_at_its_time_even_within_the_head_of_an_answer(server: Server, tmp_path: Path) -> None:
    server.ways["/head"] = lambda h: h.drip(b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 1000, 0.02)
    began = time.monotonic()
    error = refused(server, "/head", tmp_path, Caps(seconds=0.4, pause=0.01))
    assert error.code == "TOO_SLOW" and time.monotonic() - began < 3


def test_h68_it_keeps_a_packed_answer_packed(server: Server, tmp_path: Path) -> None:
    packed = gzip.compress(b"\0" * 10_000_000)
    server.ways["/bomb"] = lambda h: h.say(200, packed, Content_Encoding="gzip")
    assert fetch(server, "/bomb", tmp_path).size == len(packed)


def test_h68_it_reads_no_endless_head(server: Server, tmp_path: Path) -> None:
    server.ways["/many"] = lambda h: h.wfile.write(b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 100_000) and None
    assert isinstance(refused(server, "/many", tmp_path), FetchFailed)
    server.ways["/junk"] = lambda h: h.wfile.write(b"SSH-2.0-OpenSSH_9\r\n") and h.connection.close()
    assert "does not answer as a web server" in refused(server, "/junk", tmp_path).message


@pytest.mark.parametrize(("status", "said", "again"), [(404, "nothing at this address", False), (403, "does not let us in", False), (503, "could not or would not", True), (429, "too often", True)])  # fmt: skip
def test_it_says_what_a_refusal_means(server: Server, tmp_path: Path, status: int, said: str, again: bool) -> None:
    server.ways["/no"] = lambda h: h.say(status)
    error = refused(server, "/no", tmp_path)
    assert said in error.message and error.retry is again


def test_it_says_that_the_disk_is_full(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "SPARE", 2**60)
    error = refused(server, "/rows.bin", tmp_path)
    assert error.code == "DISK_FULL" and error.retry and "400,000 bytes; the disk has" in error.message


@pytest.mark.parametrize(("headers", "name"), [
    ({"Content_Disposition": 'attachment; filename="my rows.csv"'}, "my rows.csv"), ({"Content_Disposition": 'attachment; filename="../../etc/passwd"'}, "passwd"),
    ({"Content_Disposition": "attachment; filename*=UTF-8''r%C3%BCbe.csv"}, "rübe.csv"), ({"Content_Type": "text/csv; charset=utf-8"}, "export.csv"), ({}, "export"),
])  # fmt: skip
def test_it_names_the_file_as_the_server_does(
    server: Server, tmp_path: Path, headers: dict[str, str], name: str
) -> None:
    server.ways["/export"] = lambda h: h.say(200, b"a,b\n", **headers)
    assert fetch(server, "/export", tmp_path).name == name


def test_it_trusts_no_certificate_of_its_own_making(tmp_path: Path) -> None:
    """A server that speaks no TLS where TLS is asked for: words, no traceback."""
    with serving() as plain:
        entries = read_allowed(plain.allowed)
        address = read(plain.url.replace("http:", "https:") + "/x", entries)
        with pytest.raises(Transient, match="broke 5 times"):
            download(address, tmp_path, QUICK, allowed=entries)
