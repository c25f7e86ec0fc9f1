"""MBR winner equals brute-force mean-similarity argmax; chosen has higher score than rejected in all pairs."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.jobs.distill import scripted
from tests.jobs.distill.systems import written

COUNT = written.Turns()
SAID = ("it is in rome", "it lies in rome", "bananas", "it is in rome now")


def says(messages: list[dict[str, str]]) -> str:
    return SAID[COUNT.next(messages[-1]["content"]) % 4]


def f1(a: str, b: str) -> float:
    x, y = Counter(a.split()), Counter(b.split())
    return 2 * (x & y).total() / (x.total() + y.total())


def test_the_winner_is_the_brute_force_one(tmp_path: Path) -> None:
    given = scripted.rows([(f"where {n}", None if n < 8 else "rome") for n in range(12)])
    folder, _, _ = written.run(tmp_path / "run", "sealong", given, says, by="teacher", samples=4, longest=32)
    rows = scripted.output(folder, "sample")
    assert len(rows) == 8
    for r in rows:
        assert r["scores"]["chosen"] > r["scores"]["rejected"]
        mean = {t: sum(f1(t, o) for o in SAID) / 4 for t in SAID}
        assert mean[r["chosen"]] == max(mean.values()) and mean[r["rejected"]] == min(mean.values())
        assert abs(mean[r["chosen"]] - r["scores"]["chosen"]) < 1e-6
