"""The catalogue as tables for people: grouped, columns aligned."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..catalog.system import GROUPS, System
from ..parts import Described


def systems(found: Iterable[System]) -> str:
    """Published systems in the groups of the method picker: id, title, the question that each answers."""
    groups: dict[str, list[tuple[str, ...]]] = {g: [] for g in GROUPS}
    for system in found:
        groups[system.group].append((system.id, _marked(system), system.question))
    return tables(groups)


def parts(found: Iterable[type[Described]]) -> str:
    """Parts by kind: id, title, first words of what it does."""
    groups: dict[str, list[tuple[str, ...]]] = {}
    for part in found:
        groups.setdefault(part.kind, []).append((part.id, part.title, part.summary))
    return tables(groups)


def tables(groups: dict[str, list[tuple[str, ...]]]) -> str:
    """Every group that has rows under its name and their number; all columns as wide as the widest entry of any group."""
    filled = {name: rows for name, rows in groups.items() if rows}
    widths = _widths([row for rows in filled.values() for row in rows])
    return "\n\n".join(
        "\n".join([f"{name} ({len(rows)})", *(_line(row, widths) for row in rows)]) for name, rows in filled.items()
    )


def _widths(rows: Sequence[tuple[str, ...]]) -> list[int]:
    return [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]


def _line(row: tuple[str, ...], widths: Sequence[int]) -> str:
    """Two blanks between columns; the last is as long as it is."""
    cells = [cell.ljust(width) for cell, width in zip(row[:-1], widths, strict=False)]
    return "  " + "  ".join([*cells, row[-1]])


def _marked(system: System) -> str:
    return system.title if system.status == "works" else f"{system.title} ({system.status})"
