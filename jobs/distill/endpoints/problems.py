"""What may go wrong with a teacher behind an address.

For one question: `Bad` (an answer that is none), `Broken` (no answer), `Again` (the endpoint asks for another try) and
`Refusal` (this question will never be answered). For all of them: EndpointFailed, and Transient when time may heal it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from ..errors import DistillError

LONGEST = 300  # characters of a provider's words
MESSAGE = 600  # characters of a sentence with such words in it
FIELD = "teacher.endpoint"
BAD = "TEACHER_BAD_RESPONSE"


class EndpointFailed(DistillError):
    """The endpoint refuses what every question needs; asking on would change nothing."""

    code = "TEACHER_REFUSED"


class Problem(Exception):
    """With one question; the text is a sentence for people. `spent`: the endpoint may have charged for it."""

    spent = True


class Bad(Problem):
    """Something came that is no answer to this question."""

    def __str__(self) -> str:
        return f"{BAD}: {super().__str__()}"


class Broken(Problem):
    """The connection failed, or took too long."""


class Again(Problem):
    """The endpoint answered that it cannot answer now. `wait`: seconds, where it said how long."""

    spent = False

    def __init__(self, text: str, *, wait: float | None = None, busy: bool = False) -> None:
        super().__init__(text)
        self.wait, self.busy = wait, busy


class Refusal(Problem):
    """The endpoint will not answer this question, now or later; others it may."""

    spent = False


@dataclass(frozen=True)
class Answered:
    """One HTTP answer. Header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


def words(answer: Answered, key: str = "") -> str:
    """What the provider says, in one line that can be shown: never a key of ours, never a page of HTML."""
    found: Any
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        found = None
    text = said_in(found) if found is not None else _plain(answer.body)
    return one_line(text, key) or "it gives no reason"


def one_line(text: str, key: str = "", most: int = LONGEST) -> str:
    """What may be shown and kept of a text from outside: the key's place taken, what cannot be printed gone, then cut."""
    text = text.replace(key, "(the key)") if key else text
    text = "".join(c if c.isprintable() else " " for c in text)
    return re.sub(r"\s+", " ", text).strip()[:most]


def said_in(found: Any) -> str:
    """The message of an error object, in any of the usual places."""
    for _ in range(4):
        if isinstance(found, dict):
            inner = next((found[k] for k in ("error", "message", "detail", "msg", "errors") if found.get(k)), None)
            found = inner if inner is not None else json.dumps(found, ensure_ascii=False)
        elif isinstance(found, list):
            found = found[0] if found else ""
        else:
            break
    return found if isinstance(found, str) else json.dumps(found, ensure_ascii=False, default=str)


def code_of(answer: Answered) -> str:
    """The error's own code and type in lower case, for the few that mean more than their status."""
    try:
        error = json.loads(answer.body).get("error")
        return f"{error.get('code') or ''} {error.get('type') or ''}".lower()
    except (ValueError, AttributeError, RecursionError):
        return ""


def _plain(body: bytes) -> str:
    text = body[:4000].decode("utf-8", "replace")
    if re.match(r"\s*(<!doctype|<html|<head|<body)", text, re.IGNORECASE):
        title = re.search(r"<title[^>]*>([^<]{1,200})", text, re.IGNORECASE)
        return f"an HTML page{f' called {title[1].strip()!r}' if title else ''}"
    return text
