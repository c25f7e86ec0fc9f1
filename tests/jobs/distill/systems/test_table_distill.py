"""Linearised table template round-trips; run with rationale reported against run without on a toy table set."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.distill.writers.tables import read_linear, read_table
from tests.jobs.distill import scripted
from tests.jobs.distill.systems import written

TABLES = [(f"m,s\nA,{n}\nB,{n + 3}", f"B wins {n}") for n in range(12)]


def says(messages: list[dict[str, str]]) -> str:
    turn = messages[-1]["content"]
    return "B is higher.\nDescription: B wins" if "reason about the table" in turn else "B wins"


@pytest.mark.slow
def test_tables_round_trip_and_both_runs_report(tmp_path: Path) -> None:
    scores = {}
    for reasons in (True, False):
        folder, report, _ = written.run(tmp_path / str(reasons) / "run", "table-distill", scripted.rows(TABLES), says, longest=24, reasons=reasons)  # fmt: skip
        rows = scripted.output(folder, "reasons-about-tables")
        assert len(rows) == 8
        for r in rows:
            source = next(q for n, (q, _) in enumerate(TABLES) if f"row-{n:03d}" == r["lineage"]["parents"][0])
            assert read_linear(r["messages"][0]["content"]) == read_table(source)
            assert r["messages"][-1]["content"] == ("B is higher.\nDescription: B wins" if reasons else "B wins")
        scores[reasons] = report["scores"]["student"]["value"]
    assert all(0 <= s <= 1 for s in scores.values())
