"""Painted spans of an answer: which characters are not learnt, and which count more than once. Light: no torch.

A span is `[start, end, weight]`: characters (code points) start to end, end not included. Weight 0: not learnt; 1: learnt
as always; 2: counts as if it were there twice.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import DataRefused
from .extras import Wrong as Wrong
from .read_json import kind
from .strict_json import Number

Span = tuple[int, int, float]
MOST = 100.0  # a heavier span would drown the rest of its batch
SPANS = 1000  # in one answer
FORM = "Write a list such as [[0, 12, 0], [20, 25, 2]]: first character, character after the last, weight."


@dataclass(frozen=True)
class Painted:
    """Spans and the text they belong to: another answer to the same row is not painted."""

    text: str
    spans: tuple[Span, ...]

    def of(self, answer: str | None) -> tuple[Span, ...]:
        return self.spans if answer == self.text else ()

    def after(self, before: str) -> Painted:
        """The same spans where the text stands behind another."""
        return Painted(before + self.text, tuple((a + len(before), b + len(before), w) for a, b, w in self.spans))


def painted_of(row_id: str, answer: str | None, fields: Any) -> Painted | None:
    """What a canonical row's fields say about its answer. Raises DataRefused where the spans do not fit it (any more)."""
    if not fields.get("paint"):
        return None
    try:
        spans = read_spans(fields["paint"], answer)
    except Wrong as e:
        reason, remedy = e.args
        raise DataRefused(f"Row {row_id}: {reason}.", field="data", hint=remedy) from None
    return Painted(answer or "", tuple(spans or ()))


def read_spans(value: Any, answer: str | None) -> list[Span] | None:
    """Spans of a cell, a list or its JSON, in the order of the text; None where it is empty. Raises Wrong in words."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            raise Wrong(f'the painted spans are the text "{value[:40]}", not a list', FORM) from None
    if not isinstance(value, list):
        raise Wrong(f"the painted spans are {kind(value)}, not a list", FORM)
    if len(value) > SPANS:
        raise Wrong(f"{len(value):,} painted spans; the limit is {SPANS:,}", "Join spans that touch.")
    if value and answer is None:
        raise Wrong("spans are painted, and the row has no answer", "Remove them, or write the answer.")
    spans = sorted(_span(one, n, answer or "") for n, one in enumerate(value, 1))
    _refuse_overlaps(spans)
    return spans or None


def _span(one: Any, n: int, answer: str) -> Span:
    if isinstance(one, dict):
        one = [one.get("start"), one.get("end"), one.get("weight", 0)]
    if not isinstance(one, (list, tuple)) or len(one) != 3:
        raise Wrong(f"painted span {n} is {kind(one)}, not three numbers", FORM)
    start, end = (_whole(v, n, word) for v, word in zip(one[:2], ("start", "end"), strict=True))
    weight = _weight(one[2], n)
    if start >= end:
        raise Wrong(f"painted span {n} goes from character {start} to {end}: nothing", "The end comes after the start.")
    if end > len(answer):
        raise Wrong(
            f"painted span {n} ends at character {end}, the answer has {len(answer)}",
            "Count characters of the answer as it stands in the row, from 0.",
        )
    return start, end, weight


def _whole(value: Any, n: int, word: str) -> int:
    number = _number(value)
    if number is None or number != int(number) or number < 0:
        raise Wrong(f"the {word} of painted span {n} is {_shown(value)}", "Write a whole number of 0 or more.")
    return int(number)


def _weight(value: Any, n: int) -> float:
    number = _number(value)
    if number is None or not 0 <= number <= MOST:
        raise Wrong(
            f"the weight of painted span {n} is {_shown(value)}",
            f"Write 0 to have it ignored, 1 to have it learnt, more (at most {MOST:g}) to weigh it up.",
        )
    return number


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return str(value) if isinstance(value, Number) else f'"{value[:40]}"'
    return f"{value:g}" if isinstance(value, (int, float)) and not isinstance(value, bool) else kind(value)


def _refuse_overlaps(spans: Sequence[Span]) -> None:
    for (a, b, _), (c, d, _) in zip(spans, spans[1:], strict=False):
        if c < b:
            raise Wrong(
                f"painted spans overlap: {a} to {b} and {c} to {d}",
                "Give every character one weight: shorten one of them.",
            )
