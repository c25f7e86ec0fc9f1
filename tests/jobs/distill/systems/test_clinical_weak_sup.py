"""Weak labels first, then ten gold rows: better than the ten gold rows alone, at the same number of steps."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.jobs.distill import scripted
from tests.jobs.distill.labelling import small

WHERE = ["Rome", "Oslo", "Lima", "Bern", "Kyiv", "Bonn", "Cork", "Nice"]
WHO = ["Ada", "Bob", "Cleo", "Dan", "Eve", "Fred", "Gus", "Hal"]


def rows() -> list[dict]:
    """Sixteen names that ten rows do not all show."""
    out = small.tagged(90, 24)
    for n, row in enumerate(out):
        who, where = WHO[(3 * n + n // 8) % 8], WHERE[(5 * n + n // 3) % 8]
        text = (f"{who} went to {where}", f"in {where} was {who}", f"{where} saw {who}")[n % 3]
        found = sorted([(text.index(who), who, "person"), (text.index(where), where, "place")])
        row["messages"][0]["content"] = text
        row["answer"] = json.dumps([{"type": kind, "text": t} for _, t, kind in found])
    return out


@pytest.mark.slow
def test_weak_then_gold_beats_gold_alone(tmp_path: Path) -> None:
    given = rows()
    gold = {r["messages"][0]["content"]: json.loads(r["answer"]) for r in given}
    for row in given[10:90]:
        row["answer"] = None

    def says(messages: list[dict[str, str]]) -> str:
        """A teacher that misses a span in one of eight texts."""
        text = next(t for t in gold if t in messages[-1]["content"])
        return json.dumps(gold[text][: 1 if sum(map(ord, text)) % 8 == 0 else None])

    recipe = {
        "method": "clinical-weak-sup", "control": True, "train": {"steps": 50, "batch_size": 8, "learning_rate": 0.01},
        "student": {"model": "sample/student", "adapter": {"rank": 4, "alpha": 8}},
    }  # fmt: skip
    folder, _ = scripted.run(tmp_path / "run", recipe, given, says)
    report = json.loads((folder / "report.json").read_text())
    assert report["trained"] == ["student", "student"] and report["rows"]["labelled"] == 10
    assert report["student_minus_control"]["value"] > 0.03
    steps = {n: o["steps"] for n, o in report["training"].items()}
    assert steps["control"] == 100
