"""Tagged sentences: a token and its tag on each line, a blank line after each sentence (CoNLL, IOB, BIOES, CoNLL-U).

A sentence becomes a row with several columns, so that the form of the answer is the choice of a role: the entities as a
JSON list, the sentence with its entities marked, or the bare tags.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from .findings import BadRow, Problem, refuse
from .limits import count, size
from .read_text import lines
from .source import Source
from .tables import Record, Table

SUFFIXES = ("conll", "conllu", "bio", "iob", "iob2", "bioes")
TAG = re.compile(r"^(?:O|[BIESLUMbiesl]-\S+)$")
NUMBER = re.compile(r"\d+([-.]\d+)?")  # of a token in CoNLL-U
INSIDE = ("I", "E", "L", "M")
COLUMNS = ["sentence", "entities", "marked", "tags"]
Line = tuple[int, list[str]]  # number from 1, fields


def looks_like(source: Source, encoding: str) -> bool:
    """By its name, or because the lines between blank ones have as many fields as each other and end with a tag."""
    if source.suffix in SUFFIXES:
        return True
    text = source.head.decode(encoding, errors="replace").lstrip("\ufeff")
    first = text.splitlines()[: -1 if len(source.head) >= 65536 else None]
    tokens = [_fields(line) for line in first if line.strip() and not _is_comment(line)]
    if len(tokens) < 2 or not any(not line.strip() for line in first):
        return False
    fine = sum(len(f) > 1 and TAG.match(f[-1]) is not None for f in tokens)
    return fine > 0.95 * len(tokens)


def table(source: Source, encoding: str) -> Table:
    """Table with the columns sentence, entities, marked and tags; raises FileRefused for a file without a tagged line."""
    first = next((line for line, fields in _lines(source, encoding) if fields), None)
    if first is None:
        raise refuse("no_rows", "No line holds a token and a tag.", "Upload a file with rows.")
    out = Table("conll", list(COLUMNS), lambda: iter(()), form="tagged sentences (CoNLL)")
    out.records = lambda: _records(source, encoding)
    out.notes.append(
        Problem(
            "conll",
            "confirm",
            "Tagged sentences: tokens were joined with spaces, and the answer is the list of entities as JSON.",
            "For another form of the answer, give the role to the column 'marked' or 'tags'.",
        )
    )
    return out


def _is_comment(line: str) -> bool:
    return line.startswith(("-DOCSTART-", "# ")) and "\t" not in line


def _fields(line: str) -> list[str]:
    return line.rstrip("\r\n").split("\t") if "\t" in line else line.split()


def _lines(source: Source, encoding: str) -> Iterator[Line]:
    """Numbered lines as fields, without comments; blank lines have none. Raises FileRefused for an overlong line."""
    for number, line in lines(source, encoding):
        if not _is_comment(line):
            yield number, _fields(line) if line.strip() else []


def _records(source: Source, encoding: str) -> Iterator[Record | BadRow]:
    sentence: list[Line] = []
    letters = 0
    for number, fields in _lines(source, encoding):
        if fields:
            sentence.append((number, fields))
            letters += sum(map(len, fields))
            if letters > source.limits.line:
                raise refuse(
                    "line_too_long",
                    f"The sentence that begins on line {sentence[0][0]:,} is longer than {size(source.limits.line)}.",
                    "Put a blank line after each sentence.",
                    line=sentence[0][0],
                    limit=source.limits.line,
                )
        elif sentence:
            yield _row(sentence)
            sentence, letters = [], 0
    if sentence:
        yield _row(sentence)


def _row(sentence: list[Line]) -> Record | BadRow:
    """The row of a sentence; a line without a tag, or with a tag that is none, makes it a bad row with that line."""
    first, width = sentence[0][0], len(sentence[0][1])
    form, tag = (1, 3) if width == 10 and NUMBER.fullmatch(sentence[0][1][0]) else (0, width - 1)
    tokens, tags = [], []
    for number, fields in sentence:
        if form and not fields[0].isdigit():
            continue  # a word of several tokens, or an empty node: its tokens stand on lines of their own
        if len(fields) != width or width < 2:
            return BadRow(
                number, f"{count(len(fields), 'field')}, expected {max(width, 2)}", "A token and its tag on each line."
            )
        if fields[form].strip():
            tokens.append(fields[form].strip())
            tags.append(fields[tag].strip())
    if not tokens:
        return BadRow(first, "a sentence without a token", "Write its tokens, or remove it.")
    odd = next((i for i, t in enumerate(tags) if not t), None)
    if odd is not None:
        return BadRow(
            sentence[odd][0], f"the token {tokens[odd][:40]!r} has no tag", "Write O for tokens outside an entity."
        )
    return Record(first, _values(tokens, tags))


def _values(tokens: list[str], tags: list[str]) -> dict[str, str]:
    if all(TAG.match(t) for t in tags):
        found = spans(tags)
        entities = [{"type": kind, "text": " ".join(tokens[a:b])} for kind, a, b in found]
        listed, marked = json.dumps(entities, ensure_ascii=False), _marked(tokens, found)
    else:  # parts of speech and the like: every token has its tag
        pairs = [{"token": token, "tag": tag} for token, tag in zip(tokens, tags, strict=True)]
        listed = json.dumps(pairs, ensure_ascii=False)
        marked = " ".join(f"{token}/{tag}" for token, tag in zip(tokens, tags, strict=True))
    return {"sentence": " ".join(tokens), "entities": listed, "marked": marked, "tags": " ".join(tags)}


def spans(tags: list[str]) -> list[tuple[str, int, int]]:
    """(type, first token, token after the last) of each entity. An inside tag without a beginning begins one."""
    found: list[tuple[str, int, int]] = []
    open_kind, start = "", 0
    for i, tag in enumerate([*tags, "O"]):
        place, _, kind = tag.partition("-")
        goes_on = place.upper() in INSIDE and kind == open_kind
        if open_kind and not goes_on:
            found.append((open_kind, start, i))
            open_kind = ""
        if kind and not goes_on:
            open_kind, start = kind, i
    return found


def _marked(tokens: list[str], found: list[tuple[str, int, int]]) -> str:
    """The sentence with its entities in brackets: `flights to [Prague](location)`."""
    out, at = [], 0
    for kind, a, b in found:
        out += [*tokens[at:a], f"[{' '.join(tokens[a:b])}]({kind})"]
        at = b
    return " ".join([*out, *tokens[at:]])
