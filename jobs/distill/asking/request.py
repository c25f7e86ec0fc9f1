"""One question to a model, and what came of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

GOOD = "ok"
OUTCOMES = {
    GOOD: "answered",
    "truncated": "cut off at the longest answer",
    "empty": "empty",
    "refused": "refused by the teacher or its filter",
    "invalid": "not in the form that was asked for",
    "failed": "not answered, after every try",
}


@dataclass(frozen=True)
class Request:
    """A question. Everything that an answer depends on is here, but for who is asked: equal requests have equal hashes.

    `number` tells apart candidates for the same messages: sampling is seeded with it where the other side takes seeds.
    `schema` is a JSON schema the answer must hold to; `logprobs` how many alternatives a token are wanted (0: none).
    """

    messages: tuple[Mapping[str, str], ...]
    max_new_tokens: int
    temperature: float = 0.0
    top_p: float = 1.0
    number: int = 0
    seed: int = 0
    stop: tuple[str, ...] = ()
    schema: Mapping[str, Any] | None = None
    logprobs: int = 0

    @cached_property
    def sha256(self) -> str:
        values = {**vars(self), "messages": [dict(m) for m in self.messages]}
        if self.schema is not None:
            values["schema"] = dict(self.schema)
        return hashlib.sha256(json.dumps(values, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


@dataclass(frozen=True)
class Reply:
    """What came of a request. Only `ok` may become training data; the others are marked, counted and kept out."""

    request: str  # sha256
    text: str
    outcome: str = GOOD  # of OUTCOMES
    finish: str = ""  # as the other side said it: stop, length, content_filter, ...
    tokens_in: int = 0
    tokens_out: int = 0
    price: float = 0.0  # in the currency of the endpoint's price list
    seconds: float = 0.0
    model: str = ""  # the version that answered, as it calls itself
    why: str = ""  # of an outcome that is not ok, in words
    logprobs: tuple[Mapping[str, float], ...] = field(default=(), compare=False)  # a token: {token: nats}
    paid: bool = True  # False: it was in the ledger

    @property
    def ok(self) -> bool:
        return self.outcome == GOOD


Progress = Callable[[int, int | None], None]  # requests answered, of how many


class Asker(Protocol):
    """Somebody who answers. `name` is what stages call it, `key` names its weights or its address and model."""

    @property
    def name(self) -> str: ...

    @property
    def key(self) -> str: ...

    def ask(
        self, requests: Iterable[Request], progress: Progress = ..., stopping: Callable[[], bool] = ...
    ) -> Iterator[tuple[int, Reply]]:
        """(place in `requests`, reply) as they arrive, each once; `requests` is read as fast as it can be asked, never all
        at once. Ends early, with what is in flight finished and kept, when `stopping()`. Raises DistillError for what no
        further request would survive (key refused, model unknown, budget spent), Transient for what time may heal."""
        ...
