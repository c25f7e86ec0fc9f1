"""JSON as the standard has it, in sentences: no NaN, no duplicate key, bounded depth and digits, real Unicode only.

Numbers keep their text: `8.0` stays `8.0` and 30 digits stay 30 digits.
"""

from __future__ import annotations

import json
import re
from typing import Any

from ..models.strict_json import repeated
from .limits import LIMITS, Limits

BRACKETS = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[\]{}]', re.S)


class Number(str):
    """A JSON number as it was written."""

    __slots__ = ()


class NotJson(ValueError):
    """Why a text is no JSON. `column` counts characters from 1 in the text, None when it has no single place."""

    def __init__(self, reason: str, remedy: str = "", column: int | None = None, row: int = 1) -> None:
        super().__init__(reason)
        self.reason, self.remedy, self.column, self.row = reason, remedy, column, row


def parse(text: str, limits: Limits = LIMITS, keep_nul: bool = False) -> Any:
    """The value of `text`; raises NotJson. Objects are dicts, numbers are Number."""
    if text.count("[") + text.count("{") > limits.depth and depth(text) > limits.depth:
        raise NotJson(
            f"nested deeper than {limits.depth} brackets", "Flatten the data: one object a row with text fields."
        )
    try:
        value = decoder(limits).decode(text)
    except json.JSONDecodeError as e:
        raise _reason(e, text) from None
    except RecursionError:
        raise NotJson(f"nested deeper than {limits.depth} brackets") from None
    if "\\u" in text:
        _check_unicode(text, value, keep_nul)
    return value


def depth(text: str) -> int:
    """Deepest nesting of brackets outside strings; no recursion."""
    level = deepest = 0
    for match in BRACKETS.finditer(text):
        mark = match.group()
        if mark in "[{":
            level += 1
            deepest = max(deepest, level)
        elif mark in "]}":
            level -= 1
    return deepest


def decoder(limits: Limits) -> json.JSONDecoder:
    """The strict decoder for these limits; its errors are json's own, and NotJson for what the standard does not have."""
    if limits not in _DECODERS:
        _DECODERS[limits] = json.JSONDecoder(
            object_pairs_hook=_pairs,
            parse_constant=_constant,
            parse_int=lambda s: _number(s, limits),
            parse_float=lambda s: _number(s, limits),
        )
    return _DECODERS[limits]


_DECODERS: dict[Limits, json.JSONDecoder] = {}


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) != len(pairs):
        raise NotJson(f'key "{repeated(pairs)}" appears twice', "Keep one of them: which is meant cannot be guessed.")
    return out


def _constant(name: str) -> Any:
    raise NotJson(f"{name} is not JSON (NaN and Infinity are not allowed)", "Write null, or leave the field out.")


def _number(text: str, limits: Limits) -> Number:
    if len(text) > limits.digits:
        raise NotJson(
            f"number too long ({len(text):,} characters; the limit is {limits.digits})", 'Put it in quotes: "..."'
        )
    if "e" in text.lower() and abs(float(text)) == float("inf"):
        raise NotJson(f"{text[:40]} is too large for a number", 'Put it in quotes: "..."')
    return Number(text)


def _check_unicode(text: str, value: Any, keep_nul: bool) -> None:
    if not keep_nul and "\\u0000" in text and _any_text(value, lambda s: "\0" in s):
        raise NotJson("contains a NUL character (\\u0000)", "Remove it, or choose 'Remove NUL characters'.")
    if "\\ud" in text.lower() and _any_text(value, _has_surrogate):
        raise NotJson(
            "invalid Unicode: half of a surrogate pair (\\ud800 to \\udfff), which UTF-8 cannot hold",
            "Write the whole character.",
        )


def _has_surrogate(s: str) -> bool:
    try:
        s.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


def _any_text(value: Any, test: Any) -> bool:
    if isinstance(value, str):
        return bool(test(value))
    if isinstance(value, dict):
        return any(_any_text(k, test) or _any_text(v, test) for k, v in value.items())
    return isinstance(value, list) and any(_any_text(v, test) for v in value)


def _reason(e: json.JSONDecodeError, text: str) -> NotJson:
    rest = text[e.pos : e.pos + 1]
    place = {"column": e.colno, "row": e.lineno}
    if e.msg == "Extra data":
        what = "a comma" if rest == "," else f"{text[e.pos : e.pos + 20]!r}"
        return NotJson(f"extra text after the object: {what}", "One JSON object a line, nothing behind it.", **place)
    if not text[e.pos :].strip() or "Unterminated" in e.msg:
        return NotJson("JSON ends early", "The line may be cut: upload the file again.", **place)
    if rest == "'" or "'" in text[e.pos - 1 : e.pos + 1]:
        return NotJson(
            "this is no JSON: text stands in single quotes (Python?)",
            "Write keys and text in double quotes, for instance with json.dumps.",
            **place,
        )
    if "control character" in e.msg:
        which = f"U+{ord(text[e.pos]):04X}" if e.pos < len(text) else "?"
        return NotJson(
            f"invalid control character {which} inside a text",
            "Remove it, or write it as an escape (\\n, \\t).",
            **place,
        )
    words = {
        "Expecting value": "a value is missing",
        "Expecting property name enclosed in double quotes": "a key in double quotes is missing",
        "Expecting ':' delimiter": "a colon is missing after the key",
        "Expecting ',' delimiter": "a comma is missing",
        "Illegal trailing comma before end of object": "a comma too many before }",
        "Illegal trailing comma before end of array": "a comma too many before ]",
    }
    return NotJson(f"this is no JSON: {words.get(e.msg, e.msg)}", "", **place)
