"""The answer lists the right things, in any order."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field

from .base import NO_GOLD, Bench, Row, Verdict, Verifier, gold_of, need_gold, shown, written
from .finals import SameOptions, final, normal

BULLET = re.compile(r"^\s{0,20}(?:[-*\u2022]|\d{1,3}[.)])\s{1,10}")
Split = Literal["auto", "comma", "semicolon", "line", "json"]
SPLIT: Any = Field(
    "auto",
    title="Things are separated by",
    description="auto: a JSON list where it is one, else lines where there are several, else semicolons, else commas.",
)
MOST = 10_000  # things of one answer


class SetOptions(SameOptions):
    split: Split = SPLIT
    repeats: bool = Field(False, title="Repeats count", description="Whether a thing named twice is another answer.")
    least: float = Field(
        1.0,
        gt=0,
        le=1,
        title="At least (F1)",
        description="Overlap with the right list from which a row is kept: 1 is all of them and no other.",
    )


class SetMatch(Verifier):
    id = "set-match"
    title = "Same things, any order"
    summary = "Keeps a row when the list it names holds the same things as the right one; order does not count."
    when_to_use = "Several labels, entities, ingredients: every list whose order says nothing."
    formula = r"F_1 = \frac{2\,|Y \cap Y^{*}|}{|Y| + |Y^{*}|} \ge \tau"
    Options = SetOptions
    needs = frozenset({"gold"})

    def check(self, rows: Sequence[Row], options: Any, bench: Bench) -> list[Verdict]:
        need_gold(rows, self.title)
        return [self._one(row, options) for row in rows]

    def _one(self, row: Row, options: SetOptions) -> Verdict:
        if (gold := gold_of(row)) is None:
            return NO_GOLD
        answer = final(written(row), options.take)
        if answer is None:
            return Verdict(False, "no answer stands after a marker")
        mine, right = self._counted(answer, options), self._counted(gold, options)
        total = mine.total() + right.total()
        f1 = 2 * (mine & right).total() / total if total else 1.0
        if f1 >= options.least:
            return Verdict(True, score=f1)
        missing, extra = list(right - mine), list(mine - right)
        said = [f"{len(missing)} missing, first {shown(missing[0])}"] if missing else []
        said += [f"{len(extra)} too many, first {shown(extra[0])}"] if extra else []
        return Verdict(False, f"{'; '.join(said)} (F1 {f1:.2f})", f1)

    def _counted(self, text: str, o: SetOptions) -> Counter[str]:
        things = (normal(t, o.case, o.punctuation, o.articles) for t in things_of(text, o.split))
        found = Counter(t for t in things if t)
        return found if o.repeats else Counter(dict.fromkeys(found, 1))


def things_of(text: str, split: Split = "auto") -> list[str]:
    """The things a text lists, without bullets and numbers before them."""
    if split in ("auto", "json"):
        listed = _json_list(text)
        if listed is not None or split == "json":
            return listed or []
    lines = [BULLET.sub("", line) for line in text.splitlines() if line.strip()]
    if split == "line" or (split == "auto" and len(lines) > 1):
        return lines[:MOST]
    mark = {"comma": ",", "semicolon": ";"}.get(split) or (";" if ";" in text else ",")
    return [t.strip() for t in BULLET.sub("", text).split(mark) if t.strip()][:MOST]


def _json_list(text: str) -> list[str] | None:
    if not text.lstrip().startswith("["):
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, list):
        return None
    return [t if isinstance(t, str) else json.dumps(t, ensure_ascii=False, sort_keys=True) for t in found[:MOST]]
