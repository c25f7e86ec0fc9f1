"""Pairs follow the student ICL score; after DPO the teacher's margin on held-out pairs > 0; regenerated set differs in provenance."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from tests.jobs.distill import scripted

ROWS = [(f"q {n}", "yes" if n % 2 else "no") for n in range(14)]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    options = {"candidates": 8, "probes": 1, "answer_tokens": 60, "temperature": 5.0, "instruction": "Go.", "first_rate": 0.01}  # fmt: skip
    train = {"steps": 8, "batch_size": 4, "learning_rate": 0.003}
    recipe = {"method": "arte", "options": options, "train": train, "data": {"dataset": "t", "too_long": "truncate"}}
    return scripted.run(tmp_path_factory.mktemp("a") / "run", recipe, scripted.rows(ROWS))[0]


def test_pairs_follow_what_helps_the_student(done: Path) -> None:
    scores: dict[str, dict[str, float]] = {}
    for r in scripted.output(done, "try-in-context"):
        scores.setdefault(r["lineage"]["parents"][0], {})[r["messages"][-1]["content"]] = r["checks"]["in-context-gain"]
    pairs = scripted.output(done, "student-s-preference")
    assert pairs
    for p in pairs:
        tried = scores[p["lineage"]["parents"][0]]
        assert tried[p["chosen"]] == max(tried.values()) > min(tried.values()) == tried[p["rejected"]]


def test_the_teacher_learns_the_preference(done: Path) -> None:
    losses = [e["values"]["loss.dpo"] for e in scripted.events(done, "metric") if "loss.dpo" in e["values"]]
    assert losses[0] == pytest.approx(math.log(2), abs=1e-5) and sum(losses[-3:]) / 3 < math.log(2)


def test_what_the_aligned_teacher_writes_is_another_s_work(done: Path) -> None:
    drafts, tailored = scripted.output(done, "drafts"), scripted.output(done, "tailored")
    assert tailored and {r["lineage"]["stage"] for r in tailored} == {"tailored"}
    calls = {c for r in drafts for c in r["lineage"]["calls"]}
    assert not calls & {c for r in tailored for c in r["lineage"]["calls"]}
    assert "teacher before training" in json.loads((done / "report.json").read_text())["teachers"]
