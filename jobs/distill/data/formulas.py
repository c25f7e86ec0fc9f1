"""Cells that a spreadsheet would run as a formula, made harmless in a way that can be undone exactly."""

from __future__ import annotations

FORMULA = ("=", "+", "-", "@", "\t", "\r")


def escape_formula(cell: str) -> str:
    """An apostrophe before what a spreadsheet would run, and before an apostrophe, so that `restore` is exact."""
    return "'" + cell if cell.startswith((*FORMULA, "'")) else cell


def restore(cell: str) -> str:
    """The text that `escape_formula` was given."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith((*FORMULA, "'")) else cell
