"""What several writers need: the gold answer, when two answers are the same, numbered lists, rows for one of several tasks."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..errors import PlanRefused
from ..verifiers.finals import final, normal
from ..verifiers.numbers import last_number
from .base import Desk, Made, Unusable

if TYPE_CHECKING:
    from ..rows import Row

KEPT = ("domain", "group", "privileged", "weight")  # what a row hands on to every row made of it
ITEM = re.compile(r"^[^\S\n]*+(?:[-*•]|(?:[A-Za-z]?\d{1,3}[.:)]))\s++(?=\S)", re.MULTILINE)
CODE = re.compile(r"```[A-Za-z0-9_+-]*[ \t]*\n(.*?)```", re.DOTALL)
MARKER = "Answer:"


def gold_of(row: Row) -> str | None:
    """The answer the data came with."""
    gold = row.fields.get("gold", row.answer if row.labelled else None)
    return None if gold is None else str(gold)


def need_gold(row: Row) -> str:
    gold = gold_of(row)
    if gold is None:
        raise Unusable("the row has no gold answer to hold it against")
    return gold


def final_answer(text: str) -> str:
    """The answer a text ends in: after a marker such as “Answer:” where there is one, else the last line; empty for none."""
    return final(text, "auto") or ""


def agree(said: str, gold: str) -> bool:
    """Whether two texts end in the same answer: as exact numbers where the gold one is a number with at most a unit, else as
    words without case and punctuation."""
    mine, right = final_answer(said), final_answer(gold)
    number = last_number(right)
    if number is not None and len(re.findall(r"[^\W\d]+", right)) <= 2:
        found = last_number(mine)
        return found is not None and found.value == number.value
    return bool(normal(right)) and normal(mine) == normal(right)


def vote(answers: Sequence[str]) -> tuple[int, float]:
    """(place of the first of the commonest answers, share that give it). Numbers are compared as numbers; none: (-1, 0.0)."""
    keys = [answer_key(a) for a in answers]
    counts = Counter(k for k in keys if k)
    if not counts:
        return -1, 0.0
    best, n = max(counts.items(), key=lambda c: (c[1], -keys.index(c[0])))
    return keys.index(best), n / len(answers)


def answer_key(text: str) -> str:
    """Equal for texts that end in the same answer; empty where there is none."""
    answer = final_answer(text)
    number = last_number(answer)
    if number is not None and len(re.findall(r"[^\W\d]+", answer)) <= 2:
        return f"#{number.value}"
    return normal(answer)


def items_of(text: str) -> list[str]:
    """The items of a numbered or dotted list, or the lines of a text without marks."""
    if not ITEM.search(text):
        return [line.strip() for line in text.splitlines() if line.strip()]
    return [part.strip() for part in ITEM.split(text)[1:] if part.strip()]


def code_of(text: str) -> str:
    """The last block of code of a text, or the text itself where it has no fences. Raises Unusable when nothing is there."""
    found = CODE.findall(text)
    code = str(found[-1] if found else text.replace("```", "")).strip("\n").rstrip()
    if not code.strip():
        raise Unusable("there is no program in it")
    return code


def split_at(text: str, marker: str) -> tuple[str, str]:
    """(what stands before the last marker, all that follows it). Raises Unusable where the marker is missing or ends the text."""
    found = list(re.finditer(re.escape(marker.strip()), text, re.IGNORECASE))
    if not found:
        raise Unusable(f"it does not say {marker.strip()!r}")
    after = text[found[-1].end() :].strip()
    if not after:
        raise Unusable(f"nothing follows {marker.strip()!r}")
    return text[: found[-1].start()].strip(), after


def for_task(row: Row, task: str, question: str, answer: str, **fields: Any) -> Made:
    """A row of its own for one task of a system: the row's other turns, another question. Raises Unusable when a side is empty."""
    if not question.strip() or not answer.strip():
        raise Unusable(f"the {'question' if not question.strip() else 'answer'} for '{task}' is empty")
    own = {name: row.fields[name] for name in KEPT if row.fields.get(name) is not None}
    turns = (*row.messages[:-1], {"role": "user", "content": question.strip()})
    return Made(turns, answer.strip(), {**own, "task": task, **fields})


def need_sampling(desk: Desk, samples: int, what: str) -> None:
    """Raises PlanRefused when several samples of one question would all be the same text."""
    if samples > 1 and desk.temperature == 0:
        raise PlanRefused(
            f"{what} compares {samples} texts of one question, and at temperature 0 all of them are the same.",
            field="temperature",
            hint="Set a sampling temperature, 0.7 say.",
        )


def enough(passed: int, of: int, least: float, what: str) -> None:
    """Raises Unusable when too few of several texts agree, with both numbers."""
    if of == 0 or passed / of < least:
        raise Unusable(f"{passed} of {of} {what}, at least {least:.0%} are wanted")
