"""What is this file? Told by its bytes, never by its name alone. Gives bounded byte streams."""

from __future__ import annotations

import codecs
import gzip
import io
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from .findings import Problem, refuse
from .limits import LIMITS, Limits, size

HEAD = 65536
TEXT_NAMES = ("csv", "tsv", "tab", "psv", "txt", "json", "jsonl", "ndjson", "conll", "parquet")
BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
NAMES = {
    "utf-8": "UTF-8",
    "utf-8-sig": "UTF-8 with BOM",
    "utf-16-le": "UTF-16 (little-endian)",
    "utf-16-be": "UTF-16 (big-endian)",
    "cp1252": "Windows-1252",
}
CP1252_HOLES = b"\x81\x8d\x8f\x90\x9d"
MULTIBYTE = re.compile(rb"[\xc3-\xf4][\x80-\xbf]+")


@dataclass
class Source:
    """A file whose kind is known. `kind`: text, parquet, workbook or archive."""

    path: Path
    filename: str
    size: int
    kind: str
    compression: str = ""
    head: bytes = b""
    limits: Limits = LIMITS
    notes: list[Problem] = field(default_factory=list)
    stored: int = 0  # bytes of the file that came, of which this may be a member
    archive: str = ""  # zip: this is a member of one
    unpack: Callable[[], AbstractContextManager[BinaryIO]] | None = None  # opens a member
    _whole: bytes | None = field(default=None, repr=False)

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """The unpacked bytes from the start; raises FileRefused when they exceed the budget or the archive is damaged."""
        if self.unpack:
            with self.unpack() as member:
                yield member
            return
        with self.path.open("rb") as raw:
            if not self.compression:
                yield raw
                return
            with io.BufferedReader(_Counted(gzip.GzipFile(fileobj=raw), self), HEAD) as unpacked:  # type: ignore[type-var]
                yield unpacked

    def whole(self) -> Path | io.BytesIO:
        """For readers that jump about in a file: its path, or its unpacked bytes in memory, which have a limit."""
        if not self.compression and not self.unpack:
            return self.path
        if self._whole is None:
            with self.open() as stream:
                self._whole = stream.read(self.limits.in_memory + 1)
            if len(self._whole) > self.limits.in_memory:
                raise refuse(
                    "too_big",
                    f"{self.filename[:120]!r} unpacks to more than {size(self.limits.in_memory)}.",
                    "Upload it by itself, not inside an archive.",
                    limit=self.limits.in_memory,
                )
        return io.BytesIO(self._whole)

    @property
    def suffix(self) -> str:
        name = self.filename.lower().removesuffix(".gz")
        return name.rsplit(".", 1)[-1] if "." in name else ""


class _Counted(io.RawIOBase):
    """Unpacked bytes, counted against the limits: sizes written in a file are no guard."""

    def __init__(self, stream: gzip.GzipFile, source: Source) -> None:
        self.stream, self.source, self.total = stream, source, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        try:
            data = self.stream.read(len(buffer))
        except (OSError, EOFError, zlib.error):
            raise refuse(
                "gzip_damaged", "The gzip file is damaged or cut short.", "Compress and upload it again."
            ) from None
        self.total += len(data)
        check_expansion(self.total, self.source.size, self.source.limits)
        buffer[: len(data)] = data
        return len(data)


def check_expansion(unpacked: int, stored: int, limits: Limits) -> None:
    """Raises FileRefused for data that grow beyond the budget when they are unpacked."""
    if unpacked > limits.unpacked:
        raise refuse(
            "expands",
            f"The file unpacks to more than {size(limits.unpacked)}.",
            "Upload it in parts.",
            limit=limits.unpacked,
        )
    if unpacked > limits.ratio_from and unpacked > limits.ratio * max(stored, 1):
        raise refuse(
            "expands",
            f"The file expands more than {limits.ratio}:1 ({size(stored)} became more than {size(unpacked)}; reading stopped there).",
            "Upload the data without compression, or in parts.",
            limit=limits.ratio,
        )


def identify(path: Path, filename: str, limits: Limits = LIMITS) -> Source:
    """Source of a file; raises FileRefused for what is no data, naming what it is."""
    stored = path.stat().st_size
    if stored == 0:
        raise refuse("empty", "The file is empty (0 bytes).", "Upload the file again; the copy may have failed.")
    if stored > limits.file:
        raise refuse(
            "too_big",
            f"The file has {size(stored)}; the limit is {size(limits.file)}.",
            "Upload it in parts.",
            limit=limits.file,
        )
    if filename.lower().endswith((".py", ".pyc", ".pyw", ".ipynb")):
        raise refuse(
            "python_file",
            "Python files are not data. Nothing of it was run.",
            "Run it yourself, and upload the rows it makes (JSONL, CSV or Parquet).",
        )
    with path.open("rb") as raw:
        head = raw.read(HEAD)
    source = Source(path, filename, stored, "text", "", head, limits, stored=stored)
    if head[:2] == b"\x1f\x8b":
        source.compression = "gzip"
        source.notes.append(
            Problem(
                "gzip",
                "note" if filename.lower().endswith(".gz") else "confirm",
                "The file is compressed with gzip; it was unpacked while reading.",
            )
        )
        with source.open() as unpacked:
            source.head = head = unpacked.read(HEAD)
        if not head:
            raise refuse("empty", "The gzip file holds nothing (0 bytes).", "Compress and upload it again.")
        if head[:2] == b"\x1f\x8b":
            raise refuse(
                "nested_gzip",
                "A gzip file inside a gzip file: one compression level only.",
                "Unpack it once and upload the result.",
            )
    if head[:2] == b"PK" and head[2:4] in (b"\x03\x04", b"\x05\x06"):
        source.kind = _zipped(source)
        return source
    source.kind = kind_of(head, source)
    return source


def _zipped(source: Source) -> str:
    """workbook or archive; raises FileRefused for a workbook under the name of a text, and for other office files."""
    from . import archive

    if archive.is_workbook(source):
        if source.suffix in TEXT_NAMES:
            raise refuse(
                "excel_named",
                f"This is an Excel workbook (a zip file inside), not {source.suffix.upper()}.",
                "Rename it to end in .xlsx and upload it again, or save the sheet as CSV UTF-8.",
            )
        return "workbook"
    if source.compression:
        raise refuse(
            "zip_nested",
            "A zip archive inside a gzip file: one compression level only.",
            "Unpack it once and upload the result.",
        )
    with archive.opened(source) as zipped:
        names = set(zipped.namelist())
    if "[Content_Types].xml" in names or "mimetype" in names:
        raise refuse(
            "office",
            "This is an office document, not a table of rows.",
            "Save the table as XLSX or CSV and upload that.",
        )
    return "archive"


def kind_of(head: bytes, source: Source) -> str:
    """parquet or text; raises FileRefused for known things that are neither."""
    if head[:4] == b"PAR1":
        return "parquet"
    if head[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        raise refuse(
            "excel_old",
            "This is an old Excel workbook (.xls), or one with a password.",
            "Save it as .xlsx without a password, or the sheet as CSV UTF-8.",
        )
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:200].lower()
    if start.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        raise refuse(
            "html",
            "This is an HTML page, not data: the download may have failed.",
            "Open the link in a browser, sign in if it asks, and save the data file.",
        )
    if start.startswith(b"version https://git-lfs"):
        raise refuse(
            "git_lfs", "This is a Git LFS pointer, not the data.", "Run `git lfs pull` and upload the file it fetches."
        )
    if head[:1] == b"\x80" and head[1:2] in b"\x02\x03\x04\x05":
        raise refuse(
            "binary",
            "This is a Python pickle: binary, not text. It was not opened.",
            "Save the rows as JSONL, CSV or Parquet.",
        )
    if _binary(head):
        raise refuse("binary", "This is binary, not text.", "Save the rows as JSONL, CSV or Parquet.")
    return "text"


def _binary(head: bytes) -> bool:
    """Many control characters and no UTF-16: not something people wrote. A single NUL is a matter for its row."""
    if head[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) or utf16_without_bom(head):
        return False
    odd = sum(head.count(bytes([b])) for b in (*range(0, 7), *range(14, 27), 28, 29, 30, 31, 127))
    return odd > max(8, len(head) // 50)


def utf16_without_bom(head: bytes) -> str:
    """utf-16-le or utf-16-be when every other byte is NUL, else ''."""
    even, odd = head[0:4096:2].count(0), head[1:4096:2].count(0)
    pairs = max(1, min(len(head), 4096) // 2)
    if odd > 0.6 * pairs and even < 0.1 * pairs:
        return "utf-16-le"
    return "utf-16-be" if even > 0.6 * pairs and odd < 0.1 * pairs else ""


def encoding_of(source: Source) -> str:
    """Name of the codec; what a person should know about it lands in `source.notes`.

    UTF-8 unless the bytes say otherwise. A file that is not UTF-8 is read as Windows-1252 after a person has seen it,
    except when valid UTF-8 stands elsewhere in it or Windows-1252 has no such character: then it is damaged, and refused.
    """
    if source.head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        raise refuse("encoding", "The file is UTF-32, which is not read.", "Save it as UTF-8 and upload it again.")
    for bom, name in BOMS:
        if source.head.startswith(bom):
            if name != "utf-8-sig":
                source.notes.append(
                    Problem(
                        "encoding", "confirm", f"Decoded as {NAMES[name]}.", "Save as UTF-8 if characters look wrong."
                    )
                )
            return name
    if name := utf16_without_bom(source.head):
        source.notes.append(
            Problem(
                "encoding",
                "confirm",
                f"No byte-order mark; decoded as {NAMES[name]}.",
                "Save as UTF-8 if characters look wrong.",
            )
        )
        return name
    if (bad := first_bad_utf8(source)) is None:
        return "utf-8"
    offset, line, byte = bad
    where = f"Not UTF-8 at byte {offset:,} (line {line:,}, 0x{byte:02x})"
    if _is_cp1252(source):
        source.notes.append(
            Problem(
                "encoding",
                "confirm",
                f"{where}; read as Windows-1252.",
                "Look at the rows below: if accents and quotes look right, go on; else save the file as UTF-8.",
                line=line,
            )
        )
        return "cp1252"
    raise refuse(
        "encoding", f"{where}, and not Windows-1252 either.", "Save the file as UTF-8 and upload it again.", line=line
    )


def first_bad_utf8(source: Source) -> tuple[int, int, int] | None:
    """(byte offset from 0, line from 1, the byte) of the first byte that is no UTF-8; None when all is well."""
    decoder, before, lines = codecs.getincrementaldecoder("utf-8")(), 0, 1
    with source.open() as stream:
        while True:
            chunk = stream.read(1 << 20)
            held = len(decoder.getstate()[0])
            if not held and chunk and chunk.isascii():  # most chunks of most files: nothing to decode
                before, lines = before + len(chunk), lines + chunk.count(b"\n")
                continue
            try:
                decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as e:
                at = e.start - held
                return before + at, lines + chunk[: max(at, 0)].count(b"\n"), e.object[e.start]
            if not chunk:
                return None
            before, lines = before + len(chunk), lines + chunk.count(b"\n")


def _is_cp1252(source: Source) -> bool:
    with source.open() as stream:
        while chunk := stream.read(1 << 20):
            if any(hole in chunk for hole in (CP1252_HOLES[i : i + 1] for i in range(5))):
                return False
            if any(_valid_utf8(m.group()) for m in MULTIBYTE.finditer(chunk)):
                return False
    return True


def _valid_utf8(piece: bytes) -> bool:
    try:
        piece.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
