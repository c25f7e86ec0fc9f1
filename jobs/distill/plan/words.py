"""Numbers as people read them, for the sentences of a plan."""

from __future__ import annotations

from collections.abc import Iterable


def count(n: int, one: str, many: str | None = None) -> str:
    """1 row, 2,000 rows."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def size(n: float) -> str:
    """512 MiB, 1.5 GiB."""
    for unit in ("B", "KiB", "MiB"):
        if abs(n) < 1024:
            return f"{n:.0f} {unit}"
        n /= 1024
    return f"{n:.1f} GiB"


def params(n: int) -> str:
    """4.3 million, 7.2 billion."""
    return f"{n / 1e9:.1f} billion" if n >= 1e9 else f"{n / 1e6:.1f} million" if n >= 1e6 else f"{n:,}"


def listed(items: Iterable[str], most: int = 8) -> str:
    """a, b and c; after `most`, the number of those left out."""
    items = list(items)
    if len(items) > most:
        return ", ".join(items[:most]) + f" and {len(items) - most:,} more"
    return " and ".join(filter(None, [", ".join(items[:-1]), *items[-1:]]))


def ids(numbers: Iterable[int]) -> str:
    return listed((str(n) for n in numbers), 4) or "none"
