"""Judges are asked, again where a reply is not in the form; what cannot be read stays without a score and is said."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from ..asking.request import OUTCOMES, Reply, Request
from .reading import Unreadable, choice_schema, read_choice, read_score, score_schema
from .wording import SYSTEM, again, to_compare, to_score

T = TypeVar("T")
Turns = tuple[dict[str, str], ...]


class Asks(Protocol):
    """The part of a bench that judges need."""

    @property
    def seed(self) -> int: ...

    def ask(self, who: str, requests: Sequence[Request]) -> list[Reply]: ...


@dataclass(frozen=True)
class How:
    """Decoding, and how often a reply that cannot be read is asked for again."""

    max_new_tokens: int = 300
    temperature: float = 0.0
    tries: int = 2


@dataclass(frozen=True)
class Judged:
    """One answer's scores by every vote that could be read, and why others could not."""

    scores: tuple[float, ...] = ()
    reasons: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()

    @property
    def mean(self) -> float:
        return sum(self.scores) / len(self.scores)

    @property
    def median(self) -> float:
        ranked, half = sorted(self.scores), len(self.scores) // 2
        return ranked[half] if len(ranked) % 2 else (ranked[half - 1] + ranked[half]) / 2


@dataclass(frozen=True)
class Compared:
    """Two answers by one judge in both orders: +1 the first, -1 the second, 0 a tie; None where a reply could not be read.

    swayed: the judge named the same place in both orders, so it judged the place and not the answer."""

    better: int | None
    swayed: bool = False
    why: str = ""


@dataclass
class _Open:
    turns: Turns
    number: int
    error: str = ""
    value: Any = field(default=None)


def score(
    bench: Asks,
    judges: Sequence[str],
    asked: Sequence[tuple[str, str, str | None]],
    rubric: str,
    low: float,
    high: float,
    votes: int = 1,
    how: How | None = None,
) -> list[Judged]:
    """Each (question, answer, gold or None) by each judge `votes` times. A vote that cannot be read after every try counts
    for nothing and is listed."""
    turns = [_turns(to_score(q, a, rubric, low, high, gold)) for q, a, gold in asked]
    places = [(i, v) for i in range(len(asked)) for v in range(votes)]
    got: list[list[tuple[float, str] | str]] = [[] for _ in asked]
    for judge in judges:
        found = read(
            bench, judge, [(turns[i], v) for i, v in places], lambda t: read_score(t, low, high), score_schema(low, high), how
        )  # fmt: skip
        for (i, _), one in zip(places, found, strict=True):
            got[i].append(one)
    return [
        Judged(
            tuple(x[0] for x in several if not isinstance(x, str)),
            tuple(x[1] for x in several if not isinstance(x, str)),
            tuple(x for x in several if isinstance(x, str)),
        )
        for several in got
    ]


def compare(
    bench: Asks,
    judge: str,
    pairs: Sequence[tuple[str, str, str]],
    rubric: str,
    how: How | None = None,
    shown: str = "",
) -> list[Compared]:
    """Each (question, first, second) judged twice, with the places swapped. Only a verdict that survives the swap counts."""
    both = [(q, a, b) for q, a, b in pairs] + [(q, b, a) for q, a, b in pairs]
    turns = [(_turns(to_compare(q, a, b, rubric, shown)), 0) for q, a, b in both]
    found = read(bench, judge, turns, read_choice, choice_schema(), how)
    out = []
    for straight, swapped in zip(found[: len(pairs)], found[len(pairs) :], strict=True):
        if isinstance(straight, str) or isinstance(swapped, str):
            out.append(Compared(None, why=straight if isinstance(straight, str) else str(swapped)))
            continue
        first, second = SIGN[straight[0]], -SIGN[swapped[0]]
        swayed = first != 0 and first == -second
        out.append(Compared(first if first == second else 0, swayed, straight[1]))
    return out


SIGN = {"A": 1, "B": -1, "tie": 0}


def read(
    bench: Asks,
    judge: str,
    asked: Sequence[tuple[Turns, int]],
    reader: Callable[[str], T],
    schema: dict[str, Any],
    how: How | None = None,
) -> list[T | str]:
    """What `reader` makes of the reply to each (turns, number of the vote), asked again with the reason where it could not
    be read; the reason where no try could."""
    how = how or How()
    every = [_Open(turns, number) for turns, number in asked]
    left = every
    for attempt in range(how.tries):
        if not left:
            break
        requests = [
            Request(
                o.turns,
                how.max_new_tokens,
                how.temperature,
                number=o.number + 1000 * attempt,
                seed=bench.seed,
                schema=schema,
            )
            for o in left
        ]
        for one, reply in zip(left, bench.ask(judge, requests), strict=True):
            _take(one, reply, reader)
        left = [o for o in left if o.error]
    return [o.error or o.value for o in every]


def _take(one: _Open, reply: Reply, reader: Callable[[str], Any]) -> None:
    if not reply.ok:
        one.error = f"the judge's reply is {OUTCOMES.get(reply.outcome, reply.outcome)}"
        if reply.outcome == "invalid":
            one.turns = _told(one.turns, reply.text, reply.why or "it is not in the form that was asked for")
        return
    try:
        one.value, one.error = reader(reply.text), ""
    except Unreadable as why:
        one.error = str(why)
        one.turns = _told(one.turns, reply.text, one.error)


def _told(turns: Turns, said: str, why: str) -> Turns:
    """The first question again, with the reply that could not be read and the reason: at most one such exchange."""
    return (*turns[:2], {"role": "assistant", "content": said[:2000]}, {"role": "user", "content": again(why)})


def _turns(text: str) -> Turns:
    return ({"role": "system", "content": SYSTEM}, {"role": "user", "content": text})
