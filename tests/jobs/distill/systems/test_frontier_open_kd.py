"""One run shows label metric, judge grade and human-grade column side by side; +synthetic arm compared with the plain arm."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.jobs.distill import scripted
from tests.jobs.distill.systems import writing

ROWS = [(f"add {n} to {n}", str(2 * n)) for n in range(2, 8)]


def says(asked: str) -> str:
    if "Write one new question" in asked:
        return f"add {sum(map(ord, asked)) % 90 + 10} to one"
    if "Think step by step" in asked:
        return f"I add.\nAnswer: {len(asked) % 7}"
    return json.dumps({"score": 8, "why": "clear"})


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return writing.run(
        tmp_path_factory.mktemp("f"), "frontier-open-kd", ROWS, says, {"number": 8, "examples": 2, "sampling": 0}
    )


def test_the_judge_grades_beside_the_label_metric(done: Path) -> None:
    report = json.loads((done / "report.json").read_text())
    assert 0 <= report["scores"]["student"]["value"] <= 1
    (graded,) = [e for e in scripted.events(done, "rows") if e["stage"] == "grades"]
    assert (graded["rows"], graded["rejected"]) == (6, 0), "every row has a grade, and the judge found none too low"


def test_new_rows_are_marked_and_both_arms_are_trained(done: Path) -> None:
    made = scripted.output(done, "new-rows")
    assert made and all(
        r["synthetic"] and r["rationale"] == "I add." and len(r["lineage"]["parents"]) == 2 for r in made
    )
    stages = {e["stage"] for e in scripted.events(done, "phase") if e.get("stage")}
    assert {"plain", "with new rows"} <= stages and len(writing.losses(done)) == 4
