"""A zip written while it is sent: never whole in memory, entries stored as they are, fixed dates, so equal input is equal bytes."""

from __future__ import annotations

import zipfile
from collections.abc import AsyncIterator, Iterable, Iterator
from urllib.parse import quote

from asgiref.sync import sync_to_async
from django.http import HttpResponse, StreamingHttpResponse

Entry = tuple[str, Iterable[bytes]]
EPOCH = (1980, 1, 1, 0, 0, 0)


class _Pipe:
    """What ZipFile writes into; it cannot seek, so sizes follow each entry."""

    def __init__(self) -> None:
        self.chunks: list[bytes] = []

    def write(self, data: bytes) -> int:
        self.chunks.append(bytes(data))
        return len(data)

    def flush(self) -> None: ...

    def drain(self) -> bytes:
        out = b"".join(self.chunks)
        self.chunks.clear()
        return out


def stream(entries: Iterable[Entry]) -> Iterator[bytes]:
    """The bytes of a zip with these (name, chunks), piece by piece."""
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_STORED) as archive:  # type: ignore[call-overload]
        for name, chunks in entries:
            info = zipfile.ZipInfo(name, EPOCH)
            info.external_attr = 0o644 << 16
            with archive.open(info, "w", force_zip64=True) as member:
                for chunk in chunks:
                    member.write(chunk)
                    if data := pipe.drain():
                        yield data
    yield pipe.drain()


async def _in_thread(chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Pulls a blocking iterator without blocking the event loop."""
    done = object()
    while isinstance(chunk := await sync_to_async(lambda: next(chunks, done))(), bytes):
        yield chunk


def disposition(filename: str) -> str:
    """Content-Disposition for a name that people typed (RFC 6266): an ASCII form and the exact one."""
    name = "".join(c for c in filename if c.isprintable() and c not in '\\/:*?"<>|;%').strip(" .") or "download"
    name = name[:120]
    plain = name.encode("ascii", "ignore").decode().strip(" .") or "download"
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def attachment(chunks: Iterator[bytes], filename: str, content_type: str = "application/zip") -> StreamingHttpResponse:
    """A download that no browser will show or sniff."""
    response = StreamingHttpResponse(_in_thread(chunks), content_type=content_type)
    response["Content-Disposition"] = disposition(filename)
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response["Cache-Control"] = "private, no-store"
    return response


def text_attachment(text: str, filename: str, content_type: str = "text/plain; charset=utf-8") -> HttpResponse:
    """A small text file as a download."""
    response = HttpResponse(text, content_type=content_type)
    response["Content-Disposition"] = disposition(filename)
    response["X-Content-Type-Options"] = "nosniff"
    return response
