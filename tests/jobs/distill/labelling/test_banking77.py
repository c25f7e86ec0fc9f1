"""A real proof: the sample student with a label head learns six of Banking77's intents from sixty labelled questions."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

import jobs.samples
from tests.jobs.distill.labelling import small

SAMPLES = Path(jobs.samples.__file__).parent
INTENTS = (
    "lost or stolen card",
    "exchange rate",
    "age limit",
    "top up by bank transfer charge",
    "passcode forgotten",
    "atm support",
)


@pytest.mark.slow
def test_it_beats_the_majority_on_real_questions(tmp_path: Path) -> None:
    given = pq.read_table(SAMPLES / "data" / "banking77-sample.parquet").to_pylist()
    named = sorted({r["answer"] for r in given if r["answer"]})
    chosen = [n for n in INTENTS if n in named] or named[::13][:6]
    chosen = [*chosen, *(n for n in named if n not in chosen)][:6]
    rows = [r for r in given if r["answer"] in chosen]
    heldout = [r for r in rows if r["split"] == "heldout"]
    stage = [{**small.CE[0], "steps": 60, "batch_size": 16, "learning_rate": 0.003}]
    student = SAMPLES / "models" / "banking77-student"
    folder = small.run_folder(tmp_path / "run", student, rows, stage, student={"task": "classify"})
    report = small.run(folder)
    most = max(sum(r["answer"] == name for r in heldout) for name in chosen) / len(heldout)
    found = report["scores"]["student"]
    assert found["low"] > most and found["low"] > report["scores"]["base"]["high"] and found["value"] > 0.7
    assert "clearly better" in report["labelling"]["words"][1]
