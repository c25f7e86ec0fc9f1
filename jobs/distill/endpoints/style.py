"""How one family of endpoints is asked and how its answers are read. Three families: see openai.py and anthropic.py."""

from __future__ import annotations

import json
import math
import re
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..asking.request import Request
from ..net.addresses import Address
from ..recipe.endpoint import Endpoint
from .problems import Again, Bad, said_in

MASS = 1e-3  # by how much the probabilities of one token may exceed 1
SEEDS = 2**31 - 1
SEEN = 16  # characters from which on an id is one of its own; shorter ones are counters

Logprobs = tuple[Mapping[str, float], ...]


@dataclass
class Said:
    """An answer as it came, not yet judged. None: the endpoint does not say."""

    text: str = ""
    finish: str = ""
    tokens_in: int | None = None
    tokens_out: int | None = None
    model: str = ""
    id: str = ""
    refusal: str = ""
    logprobs: Logprobs = field(default=())


class Style(ABC):
    """One family. `path` stands after the base of the address; `done` is the event that ends a stream."""

    path: str

    def __init__(self, endpoint: Endpoint, address: Address) -> None:
        self.endpoint = endpoint
        base = address.target.rstrip("/")
        for known in (self.path, "/chat/completions", "/completions", "/messages", "/models"):
            base = base.removesuffix(known)
        self.base = base or "/v1"

    @property
    def target(self) -> str:
        return self.base + self.path

    @abstractmethod
    def headers(self, key: str) -> list[tuple[str, str]]: ...

    @abstractmethod
    def fields(self, request: Request) -> dict[str, Any]:
        """The request's own fields."""

    @abstractmethod
    def read(self, found: dict[str, Any]) -> Said:
        """A whole answer. Raises Bad."""

    @abstractmethod
    def reader(self) -> Reader:
        """For an answer that arrives in events."""

    def body(self, request: Request) -> bytes:
        fields = {"model": self.endpoint.model, **self.fields(request)}
        if self.endpoint.stream:
            fields["stream"] = True
        for name, value in self.endpoint.extra.items():
            if value is None:
                fields.pop(name, None)
            else:
                fields[name] = value
        return json.dumps(fields, separators=(",", ":")).encode()

    def seed(self, request: Request) -> int | None:
        """Another one for each candidate of the same question; None where the endpoint takes none."""
        return (request.seed * 1_000_003 + request.number) % SEEDS if self.endpoint.seeds else None


class Reader(ABC):
    """Puts the events of one stream together. Nothing of it is used before `end`."""

    def __init__(self) -> None:
        self.said, self.texts, self.complete = Said(), list[str](), False

    @abstractmethod
    def event(self, name: str, data: str) -> None:
        """Raises Bad for an event that cannot be, Again for an error in the middle of a stream."""

    def end(self, framed: bool) -> Said:
        """Some servers (transformers serve) never send [DONE]: a reason to end, and an HTTP body that says where it ends
        (`framed`) and got there, are as good. Raises Bad for a stream that was cut."""
        if not (self.complete or framed) or not self.said.finish:
            lacks = "its end" if self.said.finish else "a reason why it ends"
            raise Bad(f"the stream broke off after {sum(map(len, self.texts)):,} characters; it lacks {lacks}.")
        self.said.text = "".join(self.texts)
        return self.said


def load(text: str | bytes) -> dict[str, Any]:
    """A JSON object, or Bad."""
    try:
        found = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError) as e:
        start = text[:200].decode("utf-8", "replace") if isinstance(text, bytes) else text[:200]
        if re.match(r"\s*<", start):
            raise Bad("it is a page of HTML, not JSON; the address may be that of a web page.") from None
        if not start.strip():
            raise Bad("it is empty.") from None
        raise Bad(f"it is not JSON ({str(e)[:80]}).") from None
    if not isinstance(found, dict):
        raise Bad(f"it is a JSON {type(found).__name__}, not an object.")
    if found.get("error"):
        raise_error(found["error"])
    return found


def raise_error(error: Any) -> None:
    """An error inside an answer whose status says that all is well."""
    kind = str(error.get("type") or error.get("code") or "") if isinstance(error, dict) else ""
    busy = "rate" in kind or "overloaded" in kind
    raise Again(f"the endpoint answered 200 with an error inside: {said_in(error)}", busy=busy)


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number of JSON")


def text_in(found: Mapping[str, Any], name: str, what: str) -> str:
    value = found.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Bad(f"{what} is a {type(value).__name__}, not a text.")
    return value


def count_in(found: Any, name: str) -> int | None:
    value = found.get(name) if isinstance(found, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**9 else None


def alternatives(found: Sequence[tuple[str, Any]], token: int) -> dict[str, float]:
    """{token: nats} of one place. Raises Bad for numbers that are no log-probabilities, or whose mass exceeds 1."""
    out: dict[str, float] = {}
    for text, value in found:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not isinstance(text, str) or not number or not -sys.float_info.max <= value <= MASS:
            raise Bad(f"its log-probability of token {token + 1:,} is {str(value)[:40]}, which none can be.")
        out[text] = max(float(value), out.get(text, -math.inf))
    if (mass := math.fsum(math.exp(v) for v in out.values())) > 1 + MASS:
        raise Bad(f"its probabilities of token {token + 1:,} add up to {mass:.3f}, which is more than 1.")
    return out


def same_model(asked: str, answered: str) -> bool:
    """Whether the name is that of the model that was asked, give or take owner, version and tag."""
    if not answered:
        return True
    one, other = (_base(n) for n in (asked, answered))
    short, long = sorted((one, other), key=len)
    return long == short or (long.startswith(short) and not long[len(short)].isalnum())


def _base(name: str) -> str:
    return re.sub(r"[-@:](latest|main)$", "", name.lower().rstrip("/").rpartition("/")[2])
