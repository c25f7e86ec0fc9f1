"""Linearised table template round-trips; run with rationale reported against run without on a toy table set."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jobs.distill.writers.tables import read_linear, read_table
from tests.jobs.distill import scripted, tiny_two_parts
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


def test_an_encoder_decoder_student_reasons_and_is_read_after_the_marker(tmp_path: Path) -> None:
    """As in the paper, whose student is Flan-T5."""
    tiny_two_parts.model(tmp_path / "student", 2, 32)
    recipe = {
        "method": "table-distill", "options": {"longest": 24}, "train": {"steps": 2, "batch_size": 4, "learning_rate": 0.01},
        "evaluation": {"max_new_tokens": 6, "batch_size": 8, "bootstrap": 100},
    }  # fmt: skip
    folder, _ = scripted.run(tmp_path / "run", recipe, scripted.rows(TABLES), says)
    report = json.loads((folder / "report.json").read_text())
    assert report["made_rows"]["reasons about tables"]["made"] == 8 and set(report["together"]) >= {"score", "alone"}
    assert json.loads((folder / "adapter" / "adapter_config.json").read_text())["task_type"] == "SEQ_2_SEQ_LM"
