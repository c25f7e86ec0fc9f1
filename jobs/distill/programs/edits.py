"""A few operations on a text that a model may write as a program: lines dropped, strings replaced, the text kept or left out.

The program is read, never run: each line must be one call of a known operation with plain numbers and strings. What comes
out is always a part or an edit of what went in; nothing can be added.
"""

from __future__ import annotations

import ast
import difflib
from dataclasses import dataclass

LINES, OPERATIONS, CHARACTERS = 20_000, 200, 20_000
OPERATIONS_KNOWN = {  # name (and what else it is called): the names of its arguments
    "keep_doc": (), "keep_chunk": (), "untouch_doc": (), "drop_doc": (), "remove_lines": ("line_start", "line_end"),
    "normalize": ("source_str", "target_str"), "normalize_spaces": (), "drop_empty_lines": (), "strip_lines": (), "dedupe_lines": (),
}  # fmt: skip
ALSO = {"normalise": "normalize", "drop_chunk": "drop_doc", "drop_lines": "remove_lines"}


class EditRefused(ValueError):
    """The program is not made of known operations; the sentence says where."""


@dataclass(frozen=True)
class Edited:
    """`diff`: unified, from the text before to the text after; empty where nothing changed. `idle`: operations that found
    nothing to do, each with why."""

    text: str
    kept: bool
    diff: str
    idle: tuple[str, ...] = ()


Operation = tuple[str, tuple[int | str, ...], int]  # name, arguments, line of the program


def parse_edits(program: str) -> list[Operation]:
    """The operations of a program. Raises EditRefused with the line of the first thing that is none."""
    if len(program) > CHARACTERS:
        raise EditRefused(f"the program has {len(program):,} characters; {CHARACTERS:,} are allowed")
    if "\0" in program:  # a SyntaxError or a ValueError, as Python's patch release will have it
        raise EditRefused(f"line {program[: program.index(chr(0))].count(chr(10)) + 1}: the program has null bytes")
    try:
        tree = ast.parse(program)
    except SyntaxError as e:
        raise EditRefused(f"line {e.lineno}: {e.msg}") from None
    except (ValueError, RecursionError, MemoryError):
        raise EditRefused("the program cannot be read") from None
    if len(tree.body) > OPERATIONS:
        raise EditRefused(f"the program has {len(tree.body):,} operations; {OPERATIONS} are allowed")
    return [_operation(node) for node in tree.body]


def _operation(node: ast.stmt) -> Operation:
    call = node.value if isinstance(node, ast.Expr) else None
    if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name)):
        raise EditRefused(f"line {node.lineno}: only calls such as remove_lines(1, 3) are allowed")
    name = ALSO.get(call.func.id, call.func.id)
    if name not in OPERATIONS_KNOWN:
        raise EditRefused(f"line {node.lineno}: {call.func.id} is not one of {', '.join(OPERATIONS_KNOWN)}")
    wanted = OPERATIONS_KNOWN[name]
    given = dict(zip(wanted, call.args, strict=False)) | {k.arg: k.value for k in call.keywords if k.arg}
    if len(call.args) + len(call.keywords) != len(given) or set(given) != set(wanted):
        raise EditRefused(f"line {node.lineno}: {name} takes {', '.join(wanted) or 'nothing'}")
    kind = int if name == "remove_lines" else str
    values = []
    for argument in wanted:
        value = given[argument]
        if not isinstance(value, ast.Constant) or type(value.value) is not kind:
            what = "a whole number" if kind is int else "a string"
            raise EditRefused(f"line {node.lineno}: {argument} must be {what}")
        values.append(value.value)
    return name, tuple(values), node.lineno


def apply_edits(text: str, program: str) -> Edited:
    """The text after the operations, in their order. Line numbers are those of the text that came in, from 0, both ends
    included. Raises EditRefused for a program that is none, for lines that do not exist and for a string that would grow."""
    operations = parse_edits(program)
    lines: list[str | None] = list(text.splitlines())
    if len(lines) > LINES:
        raise EditRefused(f"the text has {len(lines):,} lines; {LINES:,} are allowed")
    before, idle = [*lines], []
    kept = True
    for name, values, at in operations:
        if name == "drop_doc":
            kept = False
        elif name == "remove_lines":
            _remove(lines, int(values[0]), int(values[1]), at)
        elif name == "normalize":
            if not _replace(lines, str(values[0]), str(values[1]), at):
                idle.append(f"line {at}: {str(values[0])[:60]!r} does not stand in the text")
        else:
            _tidy(lines, name)
    after = [line for line in lines if line is not None] if kept else []
    diff = "\n".join(difflib.unified_diff([str(b) for b in before], after, "before", "after", n=0, lineterm=""))
    ending = "\n" if text.endswith("\n") and after else ""
    return Edited("\n".join(after) + ending, kept and bool(after), diff, tuple(idle))


def _remove(lines: list[str | None], start: int, end: int, at: int) -> None:
    if not 0 <= start <= end < len(lines):
        raise EditRefused(f"line {at}: lines {start} to {end} do not exist; the text has 0 to {len(lines) - 1}")
    lines[start : end + 1] = [None] * (end + 1 - start)


def _replace(lines: list[str | None], source: str, target: str, at: int) -> bool:
    """Whether the string stood anywhere. It may hold no line break: numbers of lines would move."""
    if (
        not source
        or len(target) > len(source)
        or len((source + "x").splitlines()) > 1
        or len((target + "x").splitlines()) > 1
    ):
        raise EditRefused(f"line {at}: a string is replaced by one that is not longer, both on one line")
    found = False
    for i, line in enumerate(lines):
        if line is not None and source in line:
            lines[i], found = line.replace(source, target), True
    return found


def _tidy(lines: list[str | None], name: str) -> None:
    """normalize_spaces, strip_lines, drop_empty_lines, dedupe_lines; the words that keep a text do nothing."""
    seen: set[str] = set()
    for i, line in enumerate(lines):
        if line is None:
            continue
        if name == "normalize_spaces":
            lines[i] = " ".join(line.split())
        elif name == "strip_lines":
            lines[i] = line.strip()
        elif (name == "drop_empty_lines" and not line.strip()) or (name == "dedupe_lines" and line.strip() and line in seen):  # fmt: skip
            lines[i] = None
        seen.add(line)
