"""Comments of a recipe's text: found with the path they stand at, and put back into the text that is written anew."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import yaml

COMMENT = re.compile(r"#[^\r\n]*")
MOST = 500


@dataclass(frozen=True)
class Comment:
    """where: above the line of `path`, beside it, or end (after everything)."""

    path: str
    where: str
    text: str


def find(text: str) -> list[Comment]:
    """Every comment of a YAML text, in order. The gaps between tokens hold nothing but blanks and comments."""
    tree = yaml.compose(text, Loader=yaml.SafeLoader)
    places = sorted((line, path) for path, line in lines(tree).items()) if tree else []
    first: dict[int, str] = {}
    for line, path in places:
        first.setdefault(line, path)
    out = []
    for line, column, words in _in_gaps(text):
        beside = bool(text.splitlines()[line][:column].strip())
        path = _innermost(places, line) if beside else next((first[n] for n in sorted(first) if n > line), "")
        out.append(Comment(path, "beside" if beside else "above" if path else "end", words))
    return out[:MOST]


def _in_gaps(text: str) -> Iterable[tuple[int, int, str]]:
    """(line, column, comment), lines from 0."""
    at = 0
    for token in yaml.scan(text, Loader=yaml.SafeLoader):
        start, end = token.start_mark.index, token.end_mark.index
        yield from _comments(text, at, start)
        if isinstance(token, yaml.ScalarToken) and token.style in ("|", ">"):
            head = text.find("\n", start, end)
            yield from _comments(text, start, head if head > 0 else end)
        at = max(at, end)
    yield from _comments(text, at, len(text))


def _comments(text: str, start: int, end: int) -> Iterable[tuple[int, int, str]]:
    for found in COMMENT.finditer(text, start, max(start, end)):
        before = text.rfind("\n", 0, found.start()) + 1
        yield text.count("\n", 0, found.start()), found.start() - before, found.group().rstrip()


def lines(tree: yaml.Node | None) -> dict[str, int]:
    """path -> line (from 0) of its key, or of the item of a list. A node that is used twice counts where it stands first."""
    out: dict[str, int] = {}

    def walk(node: Any, path: str, depth: int) -> None:
        if depth > 60 or len(out) > 20_000:
            return
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                at = f"{path}.{key.value}" if path else str(key.value)
                if at not in out and isinstance(key.value, str):
                    out[at] = key.start_mark.line
                    walk(value, at, depth + 1)
        elif isinstance(node, yaml.SequenceNode):
            for i, item in enumerate(node.value):
                out[f"{path}.{i}"] = item.start_mark.line
                walk(item, f"{path}.{i}", depth + 1)

    walk(tree, "", 0)
    return out


def _innermost(places: list[tuple[int, str]], line: int) -> str:
    """The last path that begins on this line or before."""
    found = [path for at, path in places if at <= line]
    return found[-1] if found else ""


def put_back(text: str, comments: Iterable[Any]) -> str:
    """The text with its comments; one whose place is gone stands at the top with its old path, so that none is lost."""
    wanted = [c for item in comments if (c := _read(item))]
    if not wanted:
        return text
    at = lines(yaml.compose(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
    rows = text.splitlines()
    above: dict[int, list[str]] = {}
    beside: dict[int, list[str]] = {}
    for c in wanted:
        if c.where == "end":
            above.setdefault(len(rows), []).append(c.text)
        elif c.path in at:
            (beside if c.where == "beside" else above).setdefault(at[c.path], []).append(c.text)
        elif c.path:
            above.setdefault(0, []).append(f"# ({c.path}) {c.text.lstrip('# ')}")
        else:
            above.setdefault(0, []).append(c.text)
    starts, out = set(at.values()), []
    for n in range(len(rows) + 1):
        row = rows[n] if n < len(rows) else ""
        indent = row[: len(row) - len(row.lstrip())]
        out += [indent + words for words in above.get(n, [])]
        if n < len(rows):
            tail = "  ".join(beside.get(n, []))
            goes_on = (
                n + 1 < len(rows) and n + 1 not in starts
            )  # text over several lines: a comment would be part of it
            out += [f"{indent}{tail}", row] if tail and goes_on else [f"{row}  {tail}".rstrip() if tail else row]
    return "\n".join(out) + "\n"


def moved(comments: Iterable[Any], where: str, order: tuple[int | None, ...]) -> list[dict[str, str]]:
    """The comments after the items of the list at `where` changed places; those of a removed item go with it."""
    out = []
    for item in comments:
        c = _read(item)
        if c is None:
            continue
        head, _, rest = c.path.removeprefix(f"{where}.").partition(".")
        if where and c.path.startswith(f"{where}.") and head.isdigit():
            if int(head) not in order:
                continue
            path = f"{where}.{order.index(int(head))}" + (f".{rest}" if rest else "")
            c = Comment(path, c.where, c.text)
        out.append(asdict(c))
    return out


def plain(comments: Iterable[Comment]) -> list[dict[str, str]]:
    """For the database."""
    return [asdict(c) for c in comments]


def _read(item: Any) -> Comment | None:
    if isinstance(item, Comment):
        return item
    fits = isinstance(item, dict) and set(item) == {"path", "where", "text"}
    return Comment(**{k: str(v).splitlines()[0] if str(v) else "" for k, v in item.items()}) if fits else None
