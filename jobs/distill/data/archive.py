"""Zip archives: every name, kind and size is checked before a byte is unpacked, and every unpacked byte is counted.

Nothing is ever written: members are read as streams, or in memory where a format needs to jump about in its file.
"""

from __future__ import annotations

import io
import lzma
import re
import stat
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, BinaryIO

from .findings import FileRefused, refuse
from .limits import Limits, count, size
from .source import HEAD, Source, check_expansion, kind_of

READABLE = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
LONGEST_READ = 64 << 20  # one read of the list of members
DRAINED = 512  # MiB of a member that are unpacked to see whether it is a bomb
JUNK = re.compile(r"(^|/)(__MACOSX/|\.DS_Store$|Thumbs\.db$|\._)")
PACKED = {b"\x1f\x8b": "gzip", b"PK\x03\x04": "zip", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"7z\xbc\xaf": "7z"}


class _Guarded:
    """A file from which no single read takes more than is sensible: the archive's own numbers may claim anything."""

    def __init__(self, raw: BinaryIO) -> None:
        self.raw, self.seek, self.tell, self.close = raw, raw.seek, raw.tell, raw.close

    def read(self, n: int = -1) -> bytes:
        if n > LONGEST_READ:
            raise zipfile.BadZipFile(f"its list of members claims {size(n)}")
        return self.raw.read(n)

    def seekable(self) -> bool:
        return True


@contextmanager
def opened(source: Source) -> Iterator[zipfile.ZipFile]:
    """The archive with its list of members; raises FileRefused when that list cannot be read."""
    whole = source.whole()
    with whole if isinstance(whole, io.BytesIO) else whole.open("rb") as raw:
        with _damage():
            archive = zipfile.ZipFile(_Guarded(raw))  # type: ignore[arg-type]
        with archive:
            yield archive


@contextmanager
def _damage(name: str = "") -> Iterator[None]:
    """Whatever zipfile and its decompressors say about broken bytes becomes one refusal."""
    try:
        yield
    except FileRefused:
        raise
    except (
        zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError, LookupError, NotImplementedError,
        RuntimeError, struct.error,
    ) as e:  # fmt: skip
        raise damaged(f"{name[:120]!r}: {e}" if name else str(e)) from None


def damaged(why: str) -> FileRefused:
    return refuse(
        "zip_damaged",
        f"The zip archive is damaged: {why.strip('. ')[:160] or 'it ends early'}.",
        "Make the archive again and upload it.",
    )


def check(archive: zipfile.ZipFile, limits: Limits) -> list[zipfile.ZipInfo]:
    """The files of an archive, folders left out. Raises FileRefused naming the first member that is not a plain file."""
    members = archive.infolist()
    if len(members) > limits.members:
        raise refuse(
            "zip_members",
            f"The archive has {len(members):,} members; the limit is {limits.members:,}.",
            "Put the rows into fewer files.",
            limit=limits.members,
        )
    for info in members:
        _check_member(info)
    twice = [n for n, c in Counter(i.filename for i in members).items() if c > 1]
    if twice:
        raise refuse(
            "zip_duplicate",
            f"Two members of the archive have the same name: {twice[0][:120]!r}.",
            "Which is meant cannot be guessed: make the archive again.",
        )
    return [i for i in members if not i.is_dir() and not JUNK.search(i.filename)]


def _check_member(info: zipfile.ZipInfo) -> None:
    name = info.orig_filename
    if unsafe(name):
        raise refuse(
            "zip_unsafe_name",
            f"The archive holds an unsafe member name: {name[:120]!r}. Nothing was unpacked.",
            "Make the archive again from inside the folder, with plain relative names.",
        )
    mode = info.external_attr >> 16 if info.create_system == 3 else 0
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise refuse(
            "zip_not_a_file",
            f"The member {name[:120]!r} is {_kind_of_node(mode)}, not a file.",
            "Make the archive again with the files themselves.",
        )
    if info.flag_bits & 0x1:
        raise refuse(
            "zip_encrypted",
            f"The member {name[:120]!r} is encrypted.",
            "Make the archive again without a password.",
        )
    if info.compress_type not in READABLE:
        raise refuse(
            "zip_method",
            f"The member {name[:120]!r} is compressed by method {info.compress_type}, which is not supported.",
            "Make the archive again with the usual method (deflate).",
        )
    if name.lower().endswith((".py", ".pyc", ".pyw", ".ipynb")):
        raise refuse(
            "python_file",
            f"Python files are not data: {name[:120]!r}. Nothing of it was run.",
            "Run it yourself, and upload the rows it makes (JSONL, CSV or Parquet).",
        )


def unsafe(name: str) -> bool:
    """Absolute, with a drive, with a backslash, with `..`, with a control character, or empty."""
    return (
        not name.strip()
        or name.startswith("/")
        or "\\" in name
        or re.match(r"[A-Za-z]:", name) is not None
        or ".." in name.split("/")
        or re.search(r"[\x00-\x1f\x7f]", name) is not None
    )


def _kind_of_node(mode: int) -> str:
    kinds = {stat.S_IFLNK: "a symbolic link", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}
    return kinds.get(stat.S_IFMT(mode), "a pipe or socket")


@contextmanager
def member(source: Source, info: zipfile.ZipInfo) -> Iterator[BinaryIO]:
    """The unpacked bytes of a member, counted; raises FileRefused when they are too many or not what the archive says."""
    with opened(source) as archive:
        with _damage(info.filename):
            raw = archive.open(info)
        with raw:
            yield io.BufferedReader(_CountedMember(raw, info, source), HEAD)  # type: ignore[type-var]


class _CountedMember(io.RawIOBase):
    """Counts what comes out. The check sum at the end is zipfile's; the size is compared here."""

    def __init__(self, stream: IO[bytes], info: zipfile.ZipInfo, source: Source) -> None:
        self.stream, self.info, self.source, self.total = stream, info, source, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        with _damage(self.info.filename):
            data = self.stream.read(len(buffer))
        self.total += len(data)
        check_expansion(self.total, self.source.stored, self.source.limits)
        if not data and self.total != self.info.file_size:
            raise damaged(
                f"{self.info.filename[:120]!r} has {size(self.total)}, its header says {size(self.info.file_size)}"
            )
        buffer[: len(data)] = data
        return len(data)


def source_of(outer: Source, info: zipfile.ZipInfo) -> Source:
    """The source of one member, with its kind; raises FileRefused for what is no data, naming the member."""
    inner = Source(
        outer.path, info.filename, info.file_size, "text", "", b"", outer.limits, stored=outer.stored, archive="zip"
    )
    inner.unpack = lambda: member(outer, info)
    with inner.open() as stream:
        inner.head = stream.read(HEAD)
    if not inner.head:
        raise refuse(
            "empty", f"The file {info.filename[:120]!r} in the archive is empty (0 bytes).", "Remove it, or fill it."
        )
    packed = next((word for magic, word in PACKED.items() if inner.head.startswith(magic)), "")
    if packed == "zip" and is_workbook(inner):
        inner.kind = "workbook"
        return inner
    if packed:
        raise refuse(
            "zip_nested",
            f"The member {info.filename[:120]!r} is itself a {packed} archive: one compression level only.",
            "Unpack it once and upload the result.",
        )
    try:
        inner.kind = kind_of(inner.head, inner)
    except FileRefused as e:
        p = e.problem
        _drain(inner)  # a bomb is called a bomb, whatever it begins with
        raise refuse(p.code, f"{info.filename[:120]!r} in the archive: {p.message}", p.remedy) from None
    return inner


def _drain(source: Source) -> None:
    with source.open() as stream:
        for _ in range(DRAINED):
            if not stream.read(1 << 20):
                return


def is_workbook(source: Source) -> bool:
    """Whether a zip file is a workbook: by the part every workbook has. Damage is found when it is read."""
    with opened(source) as archive:
        return any(name.lower() in ("xl/workbook.xml", "xl/workbook.bin") for name in archive.namelist())


def measure(
    archive: zipfile.ZipFile, source: Source, most: int, what: str, look: Callable[[str, bytes, bool], None]
) -> None:
    """Unpacks every member once, counting: raises FileRefused over `most` bytes or the ratio, or for damage.

    `look` sees each piece: name of the member, bytes, whether it is the first of the member.
    """
    total = 0
    for info in archive.infolist():
        with _damage(info.filename), archive.open(info) as stream:
            first = True
            while data := stream.read(1 << 20):
                total += len(data)
                look(info.filename, data, first)
                first = False
                check_expansion(total, source.stored, source.limits)
                if total > most:
                    raise refuse(
                        "expands",
                        f"{what} unpacks to more than {size(most)}.",
                        f"Save it as CSV, or in parts ({count(len(archive.infolist()), 'part')} inside).",
                        limit=most,
                    )
