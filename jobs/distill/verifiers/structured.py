"""The answer is JSON of the asked form."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from pydantic import Field, field_validator

from ..errors import RecipeInvalid
from ..parts import Options
from .base import Bench, Row, Verdict, Verifier, written
from .json_schema import problem, read_schema

FENCE = re.compile(r"```[ \t]{0,4}(?:json|JSON)?[ \t]{0,4}\n(.*?)```", re.DOTALL)
MOST_CHARACTERS = 1_000_000  # of an answer

_read = lru_cache(maxsize=16)(read_schema)


class SchemaOptions(Options):
    json_schema: str = Field(
        '{"type": "object"}',
        max_length=65_536,
        title="JSON schema",
        description="What the answer must hold to. Patterns and references to other addresses are not supported.",
    )
    fenced: bool = Field(
        True,
        title="Look inside ```json",
        description="Also take the JSON out of a fenced block, or from the first { to the last }; otherwise the whole answer must be JSON.",
    )

    @field_validator("json_schema")
    @classmethod
    def _is_a_schema(cls, text: str) -> str:
        try:
            _read(text)
        except RecipeInvalid as e:
            raise ValueError(e.message) from None
        return text


class JsonSchema(Verifier):
    id = "json-schema"
    title = "JSON by schema"
    summary = "Keeps a row when its answer is JSON that holds to a schema, and says the path of the first thing that does not."
    when_to_use = "Extraction, function arguments, tables: every answer that a program reads."
    formula = r"\mathbb{1}\left[\mathrm{parse}(y) \models S\right]"
    Options = SchemaOptions

    def check(self, rows: Sequence[Row], options: Any, bench: Bench) -> list[Verdict]:
        schema = _read(options.json_schema)
        return [self._one(written(row), schema, options.fenced) for row in rows]

    def _one(self, text: str, schema: dict[str, Any], fenced: bool) -> Verdict:
        try:
            value = json_of(text, fenced)
        except ValueError as e:
            return Verdict(False, str(e))
        wrong = problem(value, schema)
        return Verdict(wrong is None, wrong or "")


def json_of(text: str, fenced: bool = True) -> Any:
    """The JSON value of an answer. Raises ValueError with a sentence: where it stops being JSON, or what JSON has not."""
    if len(text) > MOST_CHARACTERS:
        raise ValueError(f"the answer has {len(text):,} characters; {MOST_CHARACTERS:,} are read")
    wrong: ValueError | None = None
    for candidate in _candidates(text, fenced):
        try:
            return json.loads(candidate, parse_constant=_refuse, parse_float=_finite, object_pairs_hook=_once)
        except RecursionError:
            wrong = wrong or ValueError("the JSON is nested too deeply")
        except json.JSONDecodeError as e:
            wrong = wrong or ValueError(f"not JSON: {e.msg}, line {e.lineno} column {e.colno}")
        except ValueError as e:
            wrong = wrong or e
    raise wrong or ValueError("the answer is empty")


def _candidates(text: str, fenced: bool) -> list[str]:
    out = [text.strip()] if text.strip() else []
    if fenced and out:
        blocks = FENCE.findall(text)
        first = [i for i in (text.find("{"), text.find("[")) if i >= 0]
        last = max(text.rfind("}"), text.rfind("]"))
        braced = [text[min(first) : last + 1]] if first and last > min(first) else []
        out = [b.strip() for b in blocks[-1:]] + (out if not blocks else []) + braced
    return out


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    if math.isinf(number := float(text)):
        raise ValueError(f"{text[:60]} is larger than any number a program keeps")
    return number


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) < len(pairs):
        seen: set[str] = set()
        twice = next(k for k, _ in pairs if k in seen or seen.add(k))  # type: ignore[func-returns-value]
        raise ValueError(f"the name {twice[:60]!r} stands twice in one object")
    return out
