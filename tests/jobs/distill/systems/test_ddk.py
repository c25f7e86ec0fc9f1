"""With two domains, sampling share moves to the larger gap, stays >0 for all, changes bounded per update."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from jobs.distill.rows import Example
from jobs.distill.sources.domains import DomainRows
from tests.jobs.distill.systems import choosing

torch.set_num_threads(1)
GAPS = {"a": 0.1, "b": 0.9}


def rows(domain: str, n: int) -> list[Example]:
    return [Example(f"{domain}{i}", np.asarray([5, 6, 1], dtype=np.int32), 1, True) for i in range(n)]


def source(told: list[dict[str, float]], gaps: dict[str, float] = GAPS) -> DomainRows:
    by = {"a": rows("a", 30), "b": rows("b", 10)}
    return DomainRows(by, 20, 0, lambda: gaps, 5, 0.3, 0.1, lambda step, shares: told.append(dict(shares)))


def test_the_share_moves_to_the_larger_gap_in_bounded_steps() -> None:
    told: list[dict[str, float]] = [{"a": 0.75, "b": 0.25}]
    mixed = source(told)
    drawn = [e.row_id[0] for step in range(60) for e in mixed.step(step)]
    assert len(told) == 13 and told[-1]["b"] > 0.8
    for before, after in zip(told, told[1:], strict=False):
        assert abs(sum(after.values()) - 1) < 1e-12 and min(after.values()) > 0
        assert after["b"] >= before["b"] and max(abs(after[d] - before[d]) for d in after) <= 0.3
    late = drawn[40 * 20 :]
    assert 0.78 < late.count("b") / len(late) < 0.95 and late.count("a") > 0


def test_no_domain_is_forgotten_where_the_student_is_ahead() -> None:
    told: list[dict[str, float]] = []
    mixed = source(told, {"a": -1.0, "b": 0.5})
    for step in range(200):
        mixed.step(step)
    assert 0.049 < told[-1]["a"] < 0.06


def test_a_resumed_source_draws_the_same_rows_and_measures_once() -> None:
    told: list[dict[str, float]] = []
    whole, again = source(told), source([])
    for step in range(8):
        whole.step(step)
    again.restore(whole.state())
    assert [[e.row_id for e in again.step(s)] for s in range(8, 13)] == [
        [e.row_id for e in whole.step(s)] for s in range(8, 13)
    ]
    assert len(told) == 3


def test_it_trains_and_tells_the_shares(tmp_path: Path) -> None:
    folder = choosing.run(tmp_path / "run", "ddk", lambda n: {"domain": "ab"[n % 2]}, every=2, pace=0.5)
    shares = [e["values"] for e in choosing.told(folder, "metric") if "share.a" in e["values"]]
    assert len(shares) == 2 and all(abs(s["share.a"] + s["share.b"] - 1) < 1e-9 and min(s.values()) > 0 for s in shares)
    assert len(choosing.losses(folder)) == 4
