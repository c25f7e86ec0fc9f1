"""TAID's adaptive position."""

from __future__ import annotations

import json
import math

import pytest

from jobs.distill.recipe import Curve
from jobs.distill.schedules.curves import value_at
from jobs.distill.schedules.momentum import follow

CURVE = Curve(type="momentum", start=0.4, end=1.0, rise=0.05)


def path(losses: list[float], steps: int = 1000, curve: Curve = CURVE) -> list[float]:
    reached: dict[str, float] = {}
    out = []
    for done, loss in enumerate(losses, 1):
        follow(curve, "0.t", reached, loss, done, steps)
        out.append(value_at(curve, done, steps, reached.get("0.t")))
    return out


def test_the_first_loss_is_only_remembered_and_the_second_moves_it() -> None:
    first, second = path([2.0, 1.5])
    momentum = 0.01 * (2.0 - 1.5) / 2.0
    assert first == 0.4
    assert second == pytest.approx(0.4 + 0.05 / (1 + math.exp(-momentum)) * 0.6, rel=1e-12)


def test_it_moves_faster_while_the_loss_falls_and_never_back() -> None:
    falling, rising = path([2 * 0.8**n for n in range(40)]), path([0.1 * 1.25**n for n in range(40)])
    assert falling[-1] > rising[-1]
    assert falling == sorted(falling) and rising == sorted(rising) and falling[-1] <= 1


def test_it_is_never_behind_the_straight_line_and_ends_at_its_end() -> None:
    slow = Curve(type="momentum", start=0.4, end=0.9, rise=1e-9)
    got = path([1.0] * 10, steps=10, curve=slow)
    assert got[4] == pytest.approx(0.65) and got[-1] == pytest.approx(0.9)


def test_it_goes_on_where_it_was_cut() -> None:
    """All of its state lies in `reached`, which checkpoints keep as plain numbers."""
    losses = [2.0, 1.9, 1.7, 1.8, 1.2, 1.1]
    whole: dict[str, float] = {}
    for done, loss in enumerate(losses, 1):
        follow(CURVE, "0.t", whole, loss, done, 100)
    halves: dict[str, float] = {}
    for done, loss in enumerate(losses, 1):
        halves = json.loads(json.dumps(halves)) if done == 4 else halves
        follow(CURVE, "0.t", halves, loss, done, 100)
    assert halves == whole and set(whole) == {"0.t", "0.t loss", "0.t momentum"}
