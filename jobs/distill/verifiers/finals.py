"""Where the final answer stands in a text, and when two answers are the same one."""

from __future__ import annotations

import re
import unicodedata
from collections import deque
from typing import Any, Literal

from pydantic import Field

from ..data.split import INVISIBLE
from ..parts import Options

LOOKED_AT = 200_000  # characters from the end of a text: a final answer stands there
# Runs of white space are bounded, so that a text of blanks costs no more than its length.
MARKER = re.compile(r"####|\banswer\s{0,4}(?:\*\*|__)?\s{0,4}(?:is\s{0,4}:?|[:=])", re.IGNORECASE)
BOXED = "\\boxed{"
ARTICLES = frozenset({"a", "an", "the"})

Take = Literal["whole", "marker", "last-line", "auto"]
TAKE: Any = Field(
    "whole",
    title="Take",
    description=r"Which part of a text is its answer. whole: all of it. marker: what follows the last “Answer:”, “the answer is”, “####” or \boxed{…}. last-line: the last line with text. auto: after a marker where there is one, else the last line.",
)


class SameOptions(Options):
    """When two answers count as the same."""

    take: Take = TAKE
    case: bool = Field(False, title="Case counts", description="Whether “Yes” and “yes” differ.")
    punctuation: bool = Field(
        False,
        title="Punctuation counts",
        description="Whether “yes.” and “yes” differ. A sign before a digit always counts.",
    )
    articles: bool = Field(True, title="Articles count", description="Whether “the cat” and “cat” differ.")


def final(text: str, take: Take = "auto") -> str | None:
    """The final answer of a text, trimmed of white space, emphasis and a closing full stop; None where a marker is wanted and
    there is none, or nothing follows it."""
    text = text[-LOOKED_AT:]
    if take == "whole":
        return text.strip()
    if take in ("marker", "auto"):
        marked = _marked(text)
        if marked or take == "marker":
            return marked
    lines = [line for line in text.splitlines() if line.strip()]
    return _bare(lines[-1]) if lines else ""


def _marked(text: str) -> str | None:
    last = next(iter(deque(MARKER.finditer(text), maxlen=1)), None)
    box = text.rfind(BOXED)
    if box >= 0 and (last is None or box > last.start()):
        return _boxed(text, box + len(BOXED))
    if last is None:
        return None
    following = [line for line in text[last.end() :].splitlines() if line.strip(" \t*_`")]
    return _bare(following[0]) or None if following else None


def _boxed(text: str, start: int) -> str | None:
    """What stands between the braces that begin at `start`; None where they never close."""
    depth = 1
    for i in range(start, len(text)):
        depth += (text[i] == "{") - (text[i] == "}")
        if depth == 0:
            return text[start:i].strip()
    return None


def _bare(line: str) -> str:
    bare = line.strip().strip("*_`$").strip()
    return bare[:-1].rstrip("*_`$ ") if bare.endswith((".", "。")) else bare


def normal(text: str, case: bool = False, punctuation: bool = False, articles: bool = True) -> str:
    """The text as it is compared: compatibility forms, invisible characters and white space runs never count."""
    out = unicodedata.normalize("NFKC", text).translate(INVISIBLE)
    if not case:
        out = out.casefold()
    if not punctuation:
        out = "".join(" " if _drops(out, i) else c for i, c in enumerate(out))
    words = out.split()
    if not articles:
        words = [w for w in words if w.casefold() not in ARTICLES] or words
    return " ".join(words)


def _drops(text: str, i: int) -> bool:
    """Punctuation that says nothing: not a sign before a digit, not a point, comma, colon or slash between digits."""
    c = text[i]
    if unicodedata.category(c)[0] not in "PS" or c in "%$€£¥+=<>^°":
        return False
    before, after = text[i - 1 : i], text[i + 1 : i + 2]
    if not after.isdigit():
        return True
    return not (c in "-−" and not before.isalnum()) and not (c in ".,:/-" and (before.isdigit() or c == "."))


def same(a: str, b: str, options: SameOptions) -> bool:
    """Two answers that were already taken out of their texts."""
    how = {"case": options.case, "punctuation": options.punctuation, "articles": options.articles}
    return normal(a, **how) == normal(b, **how)
