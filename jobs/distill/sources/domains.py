"""Rows of several domains, whose shares follow how far the learner is behind the teacher in each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch

from ..rows import Example
from ..selection.gap import moved, target_shares

Gaps = Callable[[], Mapping[str, float]]  # nats a token that the learner is behind, by domain


class DomainRows:
    """Each row of a step is of a domain drawn by the shares; inside a domain rows come in shuffled passes.

    The shares start at the domains' part of the rows and move every `every` steps; shares, places and the step they were
    measured at go with the checkpoint, so a resumed run neither measures twice nor draws a row again.
    """

    def __init__(
        self, examples: Mapping[str, Sequence[Example]], batch_size: int, seed: int, gaps: Gaps, every: int, pace: float,
        floor: float, told: Callable[[int, Mapping[str, float]], None] = lambda step, shares: None,
    ) -> None:  # fmt: skip
        self.examples = {d: list(rows) for d, rows in sorted(examples.items()) if rows}
        self.batch_size, self.seed, self.gaps = batch_size, seed, gaps
        self.every, self.pace, self.floor, self.told = every, pace, floor, told
        total = sum(map(len, self.examples.values()))
        self.shares = {d: len(rows) / total for d, rows in self.examples.items()}
        self.drawn = dict.fromkeys(self.examples, 0)
        self.measured = -1
        self._orders: dict[str, tuple[int, np.ndarray]] = {}  # domain -> (pass over its rows, their order in it)

    def step(self, step: int) -> list[Example]:
        if step % self.every == 0 and step > self.measured:
            self.shares = moved(self.shares, target_shares(self.gaps(), self.floor), self.pace)
            self.measured = step
            self.told(step, self.shares)
        names = list(self.examples)
        rng = np.random.Generator(np.random.PCG64([self.seed, step, 7]))
        shares = np.asarray([self.shares[d] for d in names])
        return [self._next(names[i]) for i in rng.choice(len(names), self.batch_size, p=shares / shares.sum())]

    def _next(self, domain: str) -> Example:
        rows, at = self.examples[domain], self.drawn[domain]
        self.drawn[domain] += 1
        passed, place = divmod(at, len(rows))
        if self._orders.get(domain, (-1,))[0] != passed:
            draws = np.random.Generator(np.random.PCG64([self.seed, list(self.examples).index(domain), passed]))
            self._orders[domain] = passed, draws.permutation(len(rows))
        return rows[int(self._orders[domain][1][place])]

    def state(self) -> dict[str, torch.Tensor]:
        return {
            "source.domain_shares": torch.tensor(list(self.shares.values()), dtype=torch.float64),
            "source.domain_drawn": torch.tensor(list(self.drawn.values()), dtype=torch.int64),
            "source.domain_measured": torch.tensor([self.measured], dtype=torch.int64),
        }

    def restore(self, state: dict[str, torch.Tensor]) -> None:
        if "source.domain_shares" not in state:  # back to the beginning
            total = sum(map(len, self.examples.values()))
            self.shares = {d: len(rows) / total for d, rows in self.examples.items()}
            self.drawn, self.measured = dict.fromkeys(self.examples, 0), -1
            return
        self.shares = dict(zip(self.examples, state["source.domain_shares"].tolist(), strict=True))
        self.drawn = dict(zip(self.examples, map(int, state["source.domain_drawn"].tolist()), strict=True))
        self.measured = int(state["source.domain_measured"][0])
