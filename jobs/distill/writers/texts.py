"""What writers do with texts: JSON out of a reply, sentences, words, the facts a text names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..verifiers.json_schema import problem
from ..verifiers.structured import json_of
from .base import Made, Unusable

STRING: dict[str, Any] = {"type": "string", "minLength": 1}
WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
SENTENCE = re.compile(r"(?<=[.!?。！？])[\"'”’)\]]*\s+|\n+")


# -- structured replies -------------------------------------------------------------------------------------------------


def record(**properties: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON schema of an object with exactly these properties, all of them required."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


def many(item: Mapping[str, Any], least: int = 1) -> dict[str, Any]:
    return {"type": "array", "items": dict(item), "minItems": least}


def read(text: str, schema: Mapping[str, Any]) -> Any:
    """The JSON value of a reply; raises Unusable for what is no JSON or does not hold to the schema."""
    try:
        value = json_of(text)
    except ValueError as e:
        raise Unusable(str(e)) from None
    if wrong := problem(value, schema):
        raise Unusable(f"the JSON is not as asked: {wrong}")
    return value


# -- plain text -----------------------------------------------------------------------------------------------------------


def sentences(text: str) -> list[str]:
    """The sentences of a text, trimmed, in order; a line break ends one too."""
    return [s.strip() for s in SENTENCE.split(text) if s.strip()]


def words(text: str) -> list[str]:
    """Words in small letters, without numbers and marks."""
    return [w.lower().replace("’", "'") for w in WORD.findall(text)]


def same(text: str) -> str:
    """Texts that look alike to a reader have the same one: case, white space and marks at the ends do not count."""
    return " ".join(text.casefold().split()).strip(" .,;:!?\"'")


def names(text: str) -> list[str]:
    """What a text names, each once: numbers, and words written large that no sentence begins with."""
    found: dict[str, None] = {}
    for sentence in sentences(text):
        for n, word in enumerate(sentence.split()):
            bare = word.strip(".,;:!?()[]{}\"'“”‘’*_")
            if NUMBER.fullmatch(bare) or (n and bare[:1].isupper() and len(bare) > 1):
                found[bare] = None
    return list(found)


def missing(wanted: Iterable[str], text: str) -> list[str]:
    """Those of `wanted` that the text does not mention; case and runs of white space do not count."""
    flat = f" {' '.join(text.casefold().split())} "
    return [w for w in wanted if " ".join(str(w).casefold().split()) not in flat]


def numbered(texts: Sequence[str], word: str = "") -> str:
    """`[1] text`, one a line; with a word, `Document [1]:` above each."""
    if word:
        return "\n\n".join(f"{word} [{n}]:\n{t.strip()}" for n, t in enumerate(texts, 1))
    return "\n".join(f"[{n}] {t.strip()}" for n, t in enumerate(texts, 1))


def stripped(text: str) -> str:
    """A reply without the quotes or the code fence that stand around the whole of it."""
    out = text.strip()
    fenced = re.fullmatch(r"```[^\n]*\n(.*?)\n?```", out, re.DOTALL)
    out = (fenced[1] if fenced else out).strip()
    return out[1:-1].strip() if len(out) > 1 and (out[0], out[-1]) in {('"', '"'), ("“", "”")} else out


def raw(text: str, **fields: Any) -> Made:
    """A row that is raw text: one user turn without an answer, for training on the whole of it."""
    if not text.strip():
        raise Unusable("the text is empty")
    return Made(({"role": "user", "content": text.strip()},), None, fields)
