"""Tables as one line of text and back, and rows about them: a description with the reasoning that led to it."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import Field

from ..parts import Options, Paper
from .base import ROW_VARIABLES, Desk, Seed, Steps, Unusable, Writer, about
from .common import for_task, gold_of, split_at
from .template import Prompt

MARK = re.compile(r"<(/?)(T|H|R|C)>")


@dataclass(frozen=True)
class Table:
    """Cells are texts; every row has as many as there are columns."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def linear(table: Table) -> str:
    """One line: <T> caption <H> <C> column … <R> <C> cell …; `read_linear` gives the same table back."""
    lines = [f"<T> {_safe(table.caption)}", " ".join(["<H>", *(f"<C> {_safe(c)}" for c in table.columns)])]
    lines += [" ".join(["<R>", *(f"<C> {_safe(c)}" for c in row)]) for row in table.rows]
    return " ".join(lines)


def read_linear(text: str) -> Table:
    """The table of a linear text; raises ValueError where it is none."""
    parts = MARK.split(text)
    if parts[0].strip():
        raise ValueError("a table begins with <T>")
    caption, lines = "", list[list[str]]()
    for mark, said in zip(parts[2::3], parts[3::3], strict=True):
        if mark == "T":
            caption = _plain(said)
        elif mark in ("H", "R"):
            lines.append([])
        elif lines:
            lines[-1].append(_plain(said))
        else:
            raise ValueError("a cell stands before the first row")
    if not lines or len({len(line) for line in lines}) > 1:
        raise ValueError("the rows of the table have different numbers of cells")
    return Table(caption, tuple(lines[0]), tuple(map(tuple, lines[1:])))


def _safe(cell: str) -> str:
    """A cell on one line whose own marks cannot be taken for ours."""
    return " ".join(cell.split()).replace("&", "&amp;").replace("<", "&lt;")


def _plain(cell: str) -> str:
    return cell.strip().replace("&lt;", "<").replace("&amp;", "&")


def read_table(text: str, caption: str = "") -> Table:
    """A table written as JSON ({"caption", "columns", "rows"}, or a list of rows), Markdown, CSV or with tabs. Raises ValueError."""
    bare = text.strip()
    if MARK.match(bare):
        return read_linear(bare)
    if bare[:1] in "[{":
        return _of_json(bare, caption)
    lines = [line for line in bare.splitlines() if line.strip()]
    grid: list[list[str]]
    if lines and all(line.lstrip().startswith("|") for line in lines):
        grid = [[c.strip() for c in line.strip().strip("|").split("|")] for line in lines]
        grid = [row for row in grid if not all(re.fullmatch(r":?-+:?", c) for c in row)]
    else:
        grid = list(csv.reader(io.StringIO("\n".join(lines)), delimiter="\t" if "\t" in bare else ","))
    return _table(caption, grid)


def _of_json(text: str, caption: str) -> Table:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as e:
        raise ValueError(f"it is no JSON: {e}") from e
    if isinstance(found, dict):
        rows = found.get("rows")
        grid = [found.get("columns") or found.get("header"), *(rows if isinstance(rows, list) else [])]
        return _table(str(found.get("caption") or caption), grid)
    return _table(caption, found)


def _table(caption: str, grid: Any) -> Table:
    if not isinstance(grid, list) or len(grid) < 2 or not all(isinstance(row, list) and row for row in grid):
        raise ValueError("a table needs a line of column names and at least one row")
    widths = {len(row) for row in grid}
    if len(widths) > 1:
        raise ValueError(f"its rows have between {min(widths)} and {max(widths)} cells")
    cells = [tuple("" if c is None else " ".join(str(c).split()) for c in row) for row in grid]
    return Table(" ".join(caption.split()), cells[0], tuple(cells[1:]))


class TableReasons(Writer):
    """Reads the table in the row's last turn, writes it as one line, and has the model reason about it before it describes it."""

    id = "table-reasons"
    title = "Tables: reasons and description"
    summary = "A table becomes one line of text; the model compares its numbers in words, then describes it."
    when_to_use = "Scientific or business tables that a small model shall describe without inventing numbers."
    formula = r"(\hat r, \hat d) \sim p_T(\cdot \mid \mathrm{linear}(t)),\quad \mathrm{read}(\mathrm{linear}(t)) = t"
    paper = Paper(
        title="Effective Distillation of Table-based Reasoning Ability from LLMs",
        authors="Yang, Tang, Zhao, Xiao, Lin", year=2024, venue="LREC-COLING", url="https://arxiv.org/abs/2309.13182",
        arxiv="2309.13182",
    )  # fmt: skip
    answers = True
    variables: ClassVar[dict[str, str]] = {
        **ROW_VARIABLES,
        "table": "the table as one line",
        "marker": "the word before the description",
    }
    prompts: ClassVar[dict[str, Prompt]] = {
        "describe": Prompt(
            "Table: {{table}}\n\nFirst reason about the table, step by step: which numbers are highest and lowest, what differs between "
            "the rows and by how much, what follows from it. Name the row and the column of every number that you use. "
            "Then write {{marker}} and a description of the main findings in one paragraph that follows from your reasoning alone."
        )
    }

    class Options(Options):
        marker: str = Field("Description:", min_length=1, max_length=40, title="Marker")
        reasons: bool = Field(
            True,
            title="Reasons are learnt",
            description="The answer begins with the reasons; off: the description alone.",
        )
        gold: bool = Field(
            False,
            title="Keep gold descriptions",
            description="Where the row has a description, the reasons are learnt with that one.",
        )

    def write(self, seed: Seed, options: Any, desk: Desk) -> Steps:
        row = seed.row
        try:
            table = read_table(row.question, str(row.fields.get("caption") or ""))
        except ValueError as e:
            raise Unusable(f"the question is no table: {e}") from e
        line = linear(table)
        (reply,) = yield [desk.ask("describe", about(row, table=line, marker=options.marker))]
        reasons, description = split_at(reply.text, options.marker)
        gold = gold_of(row)
        if options.gold and gold is not None:
            description = gold
        said = " ".join(description.split())
        answer = f"{reasons}\n{options.marker} {said}" if options.reasons else said
        return [for_task(row, "describe", line, answer, rationale=reasons, gold=gold)]
