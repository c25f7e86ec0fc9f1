"""The budget of a run: what a question may cost at most is set aside before it is sent, what it did not cost goes back.

What was set aside and never settled (the process was killed, the connection broke after sending) counts as spent: nobody
knows whether it was charged, and a cap is a cap. The journal holds this over kills and attempts.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..asking.request import Request
from ..errors import DistillError
from ..recipe.endpoint import Endpoint
from .problems import FIELD

A_MESSAGE = 16  # tokens that a chat template may put around a message, at most
A_PROMPT = 64


@dataclass(frozen=True)
class Cost:
    """Money in the endpoint's currency, and tokens read and written together."""

    price: float = 0.0
    tokens: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.price + other.price, self.tokens + other.tokens)

    def __sub__(self, other: Cost) -> Cost:
        return Cost(self.price - other.price, self.tokens - other.tokens)


def longest_prompt(request: Request) -> int:
    """No tokenizer makes more tokens than a text has bytes."""
    texts = sum(len(m["content"].encode("utf-8", "surrogatepass")) + A_MESSAGE for m in request.messages)
    schema = len(json.dumps(dict(request.schema))) if request.schema else 0
    return texts + schema + A_PROMPT


class Purse:
    """For one event loop. `file` is this attempt's journal, `earlier` those of the attempts before."""

    def __init__(self, endpoint: Endpoint, file: Path | None = None, earlier: Iterable[Path] = ()) -> None:
        self._endpoint, self._file, self._journal = endpoint, file, -1
        self.spent, self._aside = sum(map(_spent, [*earlier, *([file] if file else [])]), Cost()), dict[int, Cost]()
        self._number, self._name = 0, secrets.token_hex(4)

    @property
    def capped(self) -> bool:
        budget = self._endpoint.budget
        return budget.max_price is not None or budget.max_tokens is not None

    def price(self, tokens_in: int, tokens_out: int) -> float:
        return (tokens_in * self._endpoint.price_in + tokens_out * self._endpoint.price_out) / 1e6

    def most(self, request: Request) -> Cost:
        prompt = longest_prompt(request)
        return Cost(self.price(prompt, request.max_new_tokens), prompt + request.max_new_tokens)

    def set_aside(self, cost: Cost) -> int | None:
        """A number to settle it with; None when it does not fit now but may when others are settled. Raises BUDGET_SPENT."""
        reserved = self.spent + sum(self._aside.values(), Cost()) + cost if self.capped else cost
        if self._too_much(reserved):
            if not self._aside:
                raise self._empty(cost)
            return None
        self._number += 1
        self._aside[self._number] = cost
        self._write("aside", self._number, cost)
        return self._number

    def settle(self, number: int, cost: Cost | None) -> None:
        """What it cost; None: nobody knows, so all that was set aside."""
        cost = self._aside[number] if cost is None else cost
        del self._aside[number]
        self.spent += cost
        self._write("spent", number, cost)

    def _too_much(self, total: Cost) -> bool:
        budget = self._endpoint.budget
        return (budget.max_price is not None and total.price > budget.max_price * (1 + 1e-9)) or (
            budget.max_tokens is not None and total.tokens > budget.max_tokens
        )

    def _empty(self, cost: Cost) -> DistillError:
        budget, money = self._endpoint.budget, self._endpoint.currency
        if budget.max_price is not None and self.spent.price + cost.price > budget.max_price:
            what = f"{self.spent.price:,.4f} of {budget.max_price:,.4f} {money} are used, and the next question may cost {cost.price:,.4f}"
            field, limit = "max_price", budget.max_price
        else:
            what = f"{self.spent.tokens:,} of {budget.max_tokens or 0:,} tokens are used, and the next question may take {cost.tokens:,}"
            field, limit = "max_tokens", float(budget.max_tokens or 0)
        return DistillError(
            f"The budget is spent: {what}.",
            code="BUDGET_SPENT",
            field=f"{FIELD}.budget.{field}",
            limit=limit,
            hint="What was answered is kept. Raise the budget and go on, or use what is there.",
        )

    def _write(self, kind: str, number: int, cost: Cost) -> None:
        if self._file is None or not self.capped:
            return
        if self._journal < 0:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._journal = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        line = json.dumps([kind, f"{self._name}-{number}", cost.price, cost.tokens])
        os.write(self._journal, line.encode() + b"\n")

    def close(self) -> None:
        if self._journal >= 0:
            os.close(self._journal)
            self._journal = -1


def _spent(file: Path) -> Cost:
    """All that a journal settled or left open."""
    costs: dict[str, Cost] = {}
    if file.exists():
        for line in file.read_text(encoding="utf-8").splitlines():
            try:
                _, number, price, tokens = json.loads(line)
            except ValueError:
                continue  # what a killed process began to write: the question was not sent yet
            costs[number] = Cost(price, tokens)
    return sum(costs.values(), Cost())


def journals(folder: Path, earlier: Sequence[Path], who: str) -> tuple[Path, list[Path]]:
    """Where a run keeps what it spent on `who`, and where its earlier attempts did."""
    name = Path("spending") / f"{who}.jsonl"
    return folder / name, [p / name for p in earlier]
