"""Which bytes of a text each token covers, so that two tokenizers can be compared on one ruler."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .spelling import Spelling

Span = tuple[int, int]


@dataclass(frozen=True)
class Tokens:
    """ids [n] of a text and the bytes each covers; control tokens cover none (None). Neighbouring spans touch."""

    ids: list[int]
    spans: list[Span | None]
    text: str

    def within(self, part: str) -> list[Span | None] | None:
        """Spans counted from where `part` begins in the text and cut to it; None for tokens outside. No such part: None."""
        if (at := self.text.find(part)) < 0:
            return None
        begin = len(self.text[:at].encode())
        length = len(part.encode())
        return [_cut(span, begin, length) for span in self.spans]


def _cut(span: Span | None, begin: int, length: int) -> Span | None:
    if span is None:
        return None
    low, high = max(0, span[0] - begin), min(length, span[1] - begin)
    inside = 0 <= span[0] - begin <= length if span[0] == span[1] else low < high
    return (low, high) if inside else None


def of_text(spelling: Spelling, pieces: Sequence[str]) -> Tokens:
    """Tokenises pieces of a text apart and reads byte spans off the tokenizer's character offsets.

    What no token covers (white space that a word tokenizer drops) belongs to the token that follows it, or to the last
    one. A character that several tokens share is split by the bytes each of them spells.
    """
    ids: list[int] = []
    spans: list[Span | None] = []
    base = 0
    for piece in pieces:
        if piece:
            some, found = _piece(spelling, piece)
            ids += some
            spans += [None if s is None else (s[0] + base, s[1] + base) for s in found]
        base += len(piece.encode())
    return Tokens(ids, spans, "".join(pieces))


def _piece(spelling: Spelling, piece: str) -> tuple[list[int], list[Span | None]]:
    if not spelling.tokenizer.is_fast:
        ids = spelling.tokenizer(piece, add_special_tokens=False)["input_ids"]
        told = of_ids(spelling, ids)
        return ids, told.spans if told.text == piece else _even(ids, spelling, len(piece.encode()))
    made = spelling.tokenizer(piece, add_special_tokens=False, return_offsets_mapping=True)
    byte_at = [0]
    for letter in piece:
        byte_at.append(byte_at[-1] + len(letter.encode()))
    ranges = [(byte_at[a], byte_at[b]) for a, b in made["offset_mapping"]]
    return list(made["input_ids"]), _tiled(spelling, made["input_ids"], ranges, byte_at[-1])


def _tiled(spelling: Spelling, ids: Sequence[int], ranges: Sequence[Span], total: int) -> list[Span | None]:
    """Touching spans from ranges that may overlap or leave gaps; control tokens take their bytes out of the text."""
    out: list[Span | None] = []
    end = i = 0
    last = None  # of the tokens that cover text
    while i < len(ids):
        if ids[i] in spelling.control:
            if last is not None and out[last] is not None:
                out[last] = (out[last][0], max(end, ranges[i][0]))  # type: ignore[index]
            end, last = max(end, ranges[i][1]), None
            out.append(None)
            i += 1
            continue
        j, high = i + 1, max(end, ranges[i][1])
        while j < len(ids) and ids[j] not in spelling.control and ranges[j][0] < high:
            high = max(high, ranges[j][1])
            j += 1
        ends = _shared(spelling, ids[i:j], end, ranges[i][0], high)
        for stop in ends:
            out.append((end, stop))
            end = stop
        last, i = len(out) - 1, j
    if last is not None:
        out[last] = (out[last][0], total)  # type: ignore[index]
    return out


def _shared(spelling: Spelling, ids: Sequence[int], end: int, begin: int, high: int) -> list[int]:
    """Where each of the tokens that share the bytes up to `high` ends."""
    if len(ids) == 1:
        return [high]
    lengths = [len(spelling(id) or b"") for id in ids]
    for start in (begin, end):
        if sum(lengths) == high - start:
            return [start + sum(lengths[: k + 1]) for k in range(len(ids))]
    start = max(begin, end)
    return [start + (high - start) * (k + 1) // len(ids) for k in range(len(ids))]


def _even(ids: Sequence[int], spelling: Spelling, total: int) -> list[Span | None]:
    """A tokenizer without offsets that changes the text: its tokens share the bytes evenly."""
    real = [i for i, id in enumerate(ids) if id not in spelling.control]
    spans: list[Span | None] = [None] * len(ids)
    for k, i in enumerate(real):
        spans[i] = (total * k // len(real), total * (k + 1) // len(real))
    return spans


def of_ids(spelling: Spelling, ids: Sequence[int]) -> Tokens:
    """The text that these ids spell, for answers a model wrote: its own cut is kept, canonical or not.

    Bytes that form no character become U+FFFD, in the text and in the spans.
    """
    if not spelling.is_plain:
        return _decoded_words(spelling, ids)
    raw = [spelling(id) for id in ids]
    text, moved = _decoded(b"".join(r for r in raw if r))
    spans: list[Span | None] = []
    at = 0
    for r in raw:
        spans.append(None if r is None else (moved[at], moved[at + len(r)]))
        at += len(r or b"")
    return Tokens(list(ids), spans, text)


def _decoded_words(spelling: Spelling, ids: Sequence[int]) -> Tokens:
    """The same where the decoder joins words itself: a token covers what it adds to the text of those before it."""
    spans: list[Span | None] = []
    text, end = "", 0
    for k, id in enumerate(ids):
        if id in spelling.control:
            spans.append(None)
            continue
        text = str(spelling.tokenizer.decode(list(ids[: k + 1]), skip_special_tokens=True))
        spans.append((end, end := max(end, len(text.encode()))))
    return Tokens(list(ids), spans, text)


def _decoded(raw: bytes) -> tuple[str, list[int]]:
    """The text, and for each place between two bytes its place in the text's own bytes."""
    out, moved = "", [0]
    at = written = 0
    while at < len(raw):
        try:
            good, bad = raw[at:].decode(), 0
        except UnicodeDecodeError as e:
            good, bad = raw[at : at + e.start].decode(), e.end - e.start
        size = len(good.encode())
        moved += [written + k + 1 for k in range(size)]
        at, written = at + size, written + size
        out += good
        if bad:
            written += len("\ufffd".encode())
            moved += [written] * bad
            at += bad
            out += "\ufffd"
    return out, moved
