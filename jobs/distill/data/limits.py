"""Budgets for files that come from outside. Every refusal names the number that was met and the limit."""

from __future__ import annotations

from dataclasses import dataclass

KIB, MIB, GIB = 1024, 1024**2, 1024**3


@dataclass(frozen=True)
class Limits:
    """Bytes unless said otherwise."""

    file: int = 2 * GIB
    unpacked: int = 8 * GIB
    ratio: int = 200  # unpacked bytes per stored byte ...
    ratio_from: int = 16 * MIB  # ... once this much has been unpacked
    line: int = 4 * MIB
    cell: int = 1 * MIB  # characters
    rows: int = 5_000_000
    columns: int = 200
    depth: int = 32  # nested brackets in JSON
    digits: int = 400  # of one JSON number
    row_group: int = 512 * MIB
    document: int = 64 * MIB  # a JSON file that is one object
    in_memory: int = 256 * MIB  # a workbook or Parquet file that stands inside an archive
    members: int = 1000  # files of a zip archive
    workbook: int = 512 * MIB  # all parts of a workbook, unpacked
    shared_texts: int = 128 * MIB  # the list of texts of a workbook, unpacked
    sheet_rows: int = 1_048_576  # Excel's own most


LIMITS = Limits()


def size(n: float) -> str:
    """`12.5 MiB`: binary units, one decimal from KiB upwards."""
    for unit in ("bytes", "KiB", "MiB"):
        if n < 1024:
            return f"{n:,.0f} {unit}" if unit == "bytes" else f"{n:,.1f} {unit}".replace(".0 ", " ")
        n /= 1024
    return f"{n:,.1f} GiB".replace(".0 ", " ")


def count(n: int, noun: str, plural: str | None = None) -> str:
    """`1 row`, `1,204 rows`."""
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"
