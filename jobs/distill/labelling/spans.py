"""Spans of a text: out of the JSON a person or a model wrote, onto characters, onto tokens as BIO tags, and back. Light.

An answer is a list of objects: {"type", "text"}, or with character offsets {"type", "start", "end"}. Without offsets the
mentions are looked for from left to right, each after the one before it, so that the second "Paris" is the second one.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..programs.source import unfenced

KINDS = ("type", "label", "entity", "tag", "entity_type", "category", "class")
TEXTS = ("text", "span", "mention", "value", "word", "name")
ENDS = (("start", "end"), ("begin", "end"), ("start_offset", "end_offset"), ("start_char", "end_char"))


@dataclass(frozen=True)
class Mention:
    """One object of an answer, before it is found in the text."""

    kind: str
    text: str | None = None
    start: int | None = None
    end: int | None = None


@dataclass(frozen=True, order=True)
class Span:
    """Characters [start, end) of a text."""

    start: int
    end: int
    kind: str


def spans_of_text(answer: str) -> list[Mention] | None:
    """Mentions of an answer; None where it is no JSON list of them (a code fence around it is taken away).

    {"person": ["Ada"], ...} is read as the same list by kind.
    """
    try:
        found = json.loads(unfenced(answer))
    except (ValueError, RecursionError):
        return None
    if isinstance(found, dict):
        lists = [v for v in found.values() if isinstance(v, list)]
        if len(found) == 1 and lists and all(isinstance(v, dict) for v in lists[0]):
            found = lists[0]  # {"entities": [...]}
        elif len(lists) == len(found) and all(isinstance(v, str) for values in lists for v in values):
            return [Mention(str(kind), text) for kind, texts in found.items() for text in texts]
    if not isinstance(found, list):
        return None
    mentions = [_mention(item) for item in found]
    return None if any(m is None for m in mentions) else [m for m in mentions if m is not None]


def is_spans(answer: str) -> bool:
    return spans_of_text(answer) is not None


def _mention(item: Any) -> Mention | None:
    if not isinstance(item, dict):
        return None
    kind = next((item[k] for k in KINDS if isinstance(item.get(k), str)), None)
    text = next((item[k] for k in TEXTS if isinstance(item.get(k), str)), None)
    ends = next(((item[a], item[b]) for a, b in ENDS if type(item.get(a)) is int and type(item.get(b)) is int), None)
    if kind is None or (text is None and ends is None):
        return None
    return Mention(kind.strip(), text, *(ends or (None, None)))


@dataclass(frozen=True)
class Placed:
    """Spans of a text, sorted, none over another; and the mentions that could not be placed, each with the reason."""

    spans: tuple[Span, ...]
    lost: tuple[tuple[Mention, str], ...] = ()


def place(mentions: Sequence[Mention], text: str, kinds: Sequence[str] | None = None) -> Placed:
    """Puts mentions onto the characters of `text`; with `kinds`, others than those are lost."""
    taken: list[Span] = []
    lost: list[tuple[Mention, str]] = []
    cursor = 0
    for mention in mentions:
        found: Span | str = f"{mention.kind!r} is none of the kinds of entity"
        if kinds is None or mention.kind in kinds:
            found = _where(mention, text, cursor, taken)
        if isinstance(found, str):
            lost.append((mention, found))
        else:
            taken.append(found)
            cursor = found.end
    return Placed(tuple(sorted(taken)), tuple(lost))


def _where(mention: Mention, text: str, cursor: int, taken: Sequence[Span]) -> Span | str:
    """The span of a mention, or why there is none."""
    if mention.start is not None and mention.end is not None:
        start, end = mention.start, mention.end
        if not 0 <= start < end <= len(text):
            return f"characters {start} to {end} lie outside the text of {len(text)}"
        if mention.text is not None and text[start:end] != mention.text:
            return f"characters {start} to {end} are {text[start:end][:60]!r}, not {mention.text[:60]!r}"
        return _free(start, end, mention.kind, taken)
    wanted = (mention.text or "").strip()
    if not wanted:
        return "it has no text"
    for begin in dict.fromkeys((cursor, 0)):
        at = text.find(wanted, begin)
        while at >= 0:
            found = _free(at, at + len(wanted), mention.kind, taken)
            if not isinstance(found, str):
                return found
            at = text.find(wanted, at + 1)
    return "every place it stands at is taken by another span" if wanted in text else "the text does not contain it"


def _free(start: int, end: int, kind: str, taken: Sequence[Span]) -> Span | str:
    if any(s.start < end and start < s.end for s in taken):
        return f"characters {start} to {end} overlap another span"
    return Span(start, end, kind)


# -- tokens ------------------------------------------------------------------------------------------------------------

Offsets = Sequence[tuple[int, int]]  # characters [a, b) of each token; (0, 0) for tokens that stand for no text


def tight(offsets: Offsets, text: str) -> list[tuple[int, int]]:
    """Offsets without the white space that some tokenizers count to a token."""
    out = []
    for a, b in offsets:
        while a < b and text[a].isspace():
            a += 1
        while a < b and text[b - 1].isspace():
            b -= 1
        out.append((a, b))
    return out


def bio(spans: Sequence[Span], offsets: Offsets, text: str) -> list[str | None]:
    """Tag of each token: B-kind for the first of a span, I-kind for the others, O outside; None for tokens without text."""
    edges = tight(offsets, text)
    tags: list[str | None] = [None if a >= b else "O" for a, b in edges]
    for span in spans:
        first = True
        for i, (a, b) in enumerate(edges):
            if a < b and a < span.end and span.start < b:
                tags[i] = f"{'B' if first else 'I'}-{span.kind}"
                first = False
    return tags


def spans_of_tags(tags: Sequence[str | None], offsets: Offsets, text: str) -> list[Span]:
    """The spans that tags mark; an I- without its beginning begins one, as conlleval reads them."""
    found: list[Span] = []
    kind, start, end = "", 0, 0
    for tag, (a, b) in zip(tags, tight(offsets, text), strict=True):
        if tag is None or a >= b:
            continue
        place_, _, named = tag.partition("-")
        if kind and place_ == "I" and named == kind:
            end = max(end, b)
            continue
        if kind:
            found.append(Span(start, end, kind))
        kind, start, end = named, a, b
    return [*found, Span(start, end, kind)] if kind else found


def kept(spans: Sequence[Span], offsets: Offsets, text: str) -> tuple[list[Span], list[Span]]:
    """(spans that come back the same from their tags, those that do not): a span that begins inside a token cannot be tagged."""
    back = set(spans_of_tags(bio(spans, offsets, text), offsets, text))
    trimmed = {s: _trim(s, text) for s in spans}
    return [s for s in spans if trimmed[s] in back], [s for s in spans if trimmed[s] not in back]


def _trim(span: Span, text: str) -> Span:
    a, b = tight([(span.start, span.end)], text)[0]
    return Span(a, b, span.kind)


def as_answer(spans: Sequence[Span], text: str) -> str:
    """The list of spans as an answer in JSON, in the form that tagged sentences are read in."""
    return json.dumps([{"type": s.kind, "text": text[s.start : s.end]} for s in sorted(spans)], ensure_ascii=False)
