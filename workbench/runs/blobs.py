"""Content-addressed bytes: stored once by their SHA-256, in 8 MiB chunks in PostgreSQL, verified whenever they are read.

A blob and its chunks are committed together, so a blob that exists is whole; two writers of the same bytes wait for
each other and the second finds nothing left to do.
"""

from __future__ import annotations

import hashlib
import io
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, BinaryIO

import psycopg
from django.core.files.base import File
from django.core.files.storage import Storage
from django.db import connection, transaction
from django.utils.deconstruct import deconstructible

from jobs.distill.errors import ArtifactDamaged

from .models import Blob

CHUNK = 8 * 1024 * 1024

Source = bytes | Path | BinaryIO | IO[bytes] | File


def put(source: Source) -> Blob:
    """Stores bytes, a file on disk or an open file; returns its Blob. Bytes that are already there are not written again."""
    with _opened(source) as file:
        sha256, size = _measure(file)
        file.seek(0)
        with transaction.atomic():
            if _insert(sha256, size):
                _copy(file, sha256)
    return Blob.objects.get(pk=sha256)


def iter_chunks(sha256: str) -> Iterator[bytes]:
    """The bytes in chunks of at most 8 MiB. The last chunk is handed over only after the whole matched its hash.

    Raises ArtifactDamaged when it did not, or when a chunk is missing; Blob.DoesNotExist for an unknown hash.
    """
    blob = Blob.objects.get(pk=sha256)
    digest, size, held = hashlib.sha256(), 0, b""
    for index in range(-(-blob.size // CHUNK)):
        data = _chunk(sha256, index)
        if held:
            yield held
        digest.update(data)
        size, held = size + len(data), data
    if size != blob.size or digest.hexdigest() != sha256:
        raise ArtifactDamaged(
            f"Stored bytes are damaged: {size:,} of {blob.size:,} bytes hash to {digest.hexdigest()[:12]}…, expected {sha256[:12]}….",
            hint="Run the work again, or restore this file from a backup.",
        )
    if held:
        yield held


def open_blob(sha256: str) -> BinaryIO:
    """A private, verified, seekable copy (in memory up to 8 MiB, else in an unnamed temporary file)."""
    file: Any = tempfile.SpooledTemporaryFile(max_size=CHUNK)  # noqa: SIM115 - the caller closes it
    try:
        for data in iter_chunks(sha256):
            file.write(data)
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return file  # type: ignore[no-any-return]


open = open_blob  # blobs.open(sha256)


def read(sha256: str) -> bytes:
    """All bytes at once, verified; for small things."""
    return b"".join(iter_chunks(sha256))


def verify(sha256: str) -> None:
    """Reads everything and raises ArtifactDamaged unless it matches; call it before the first byte of a download."""
    for _ in iter_chunks(sha256):
        pass


def write_to(sha256: str, path: Path) -> None:
    """Writes the verified bytes to a file; nothing stays behind at `path` when they are damaged."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("wb") as file:
            for data in iter_chunks(sha256):
                file.write(data)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@deconstructible
class DatabaseBlobs(Storage):
    """Django's Storage over blobs: a file's name is the hash of its content, whatever name was asked for."""

    def _open(self, name: str, mode: str = "rb") -> File:
        if mode != "rb":
            raise ValueError("Stored bytes never change: open them with mode 'rb'.")
        return File(open_blob(name), name=name)

    def _save(self, name: str, content: File) -> str:
        return put(content).sha256

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        return name

    def exists(self, name: str) -> bool:
        return Blob.objects.filter(pk=name).exists()

    def size(self, name: str) -> int:
        return Blob.objects.get(pk=name).size

    def delete(self, name: str) -> None:
        """Removes the bytes; raises ProtectedError while anything still refers to them."""
        Blob.objects.filter(pk=name).delete()

    def url(self, name: str | None) -> str:
        raise NotImplementedError("Stored bytes are served by views that check the team, never by a public address.")


def _opened(source: Source) -> Any:
    if isinstance(source, bytes):
        return io.BytesIO(source)
    if isinstance(source, Path):
        return source.open("rb")
    return _Borrowed(source)


class _Borrowed:
    """Someone else's open file, from its start; leaving it open is their decision."""

    def __init__(self, file: Any) -> None:
        self.file = file

    def __enter__(self) -> Any:
        self.file.seek(0)
        return self.file

    def __exit__(self, *_: object) -> None:
        self.file.seek(0)


def _measure(file: BinaryIO) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    while data := file.read(CHUNK):
        digest.update(data)
        size += len(data)
    return digest.hexdigest(), size


def _insert(sha256: str, size: int) -> bool:
    """True when this transaction is the one that must bring the bytes. Waits for another writer of the same bytes."""
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into runs_blob (sha256, size, created_at) values (%s, %s, now()) on conflict do nothing",
            [sha256, size],
        )
        return bool(cursor.rowcount)


def _copy(file: BinaryIO, sha256: str) -> None:
    digest = hashlib.sha256()
    statement = 'copy runs_blobchunk (sha256, "index", data) from stdin (format binary)'
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types(["varchar", "int4", "bytea"])
        index = 0
        while data := _exactly(file):
            digest.update(data)
            copy.write_row((sha256, index, data))
            index += 1
    if digest.hexdigest() != sha256:
        raise ArtifactDamaged(
            "The file changed while it was being stored.", hint="Store it again when nothing writes to it."
        )


def _exactly(file: BinaryIO) -> bytes:
    """CHUNK bytes, fewer only at the end: some files give short reads."""
    parts, missing = [], CHUNK
    while missing and (data := file.read(missing)):
        parts.append(data)
        missing -= len(data)
    return b"".join(parts)


def _chunk(sha256: str, index: int) -> bytes:
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(
            'select data from runs_blobchunk where sha256 = %s and "index" = %s', [sha256, index], binary=True
        )
        row = cursor.fetchone()
    return bytes(row[0]) if row else b""
