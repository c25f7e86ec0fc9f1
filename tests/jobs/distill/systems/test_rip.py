"""Planted vague prompts fall out; thresholds at percentiles reproduce the kept ids deterministically."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jobs.distill.verifiers.bands import percentile
from jobs.distill.verifiers.prompt_quality import pair_of
from tests.jobs.distill import scripted
from tests.jobs.distill.bench import row
from tests.jobs.distill.systems import judged

pytestmark = pytest.mark.slow  # whole runs, shared by its tests

VAGUE = ("stuff 3?", "stuff 7?")
QUESTIONS = [(f"stuff {n}?" if n in (3, 7) else f"clear {n}?", "ok") for n in range(16)]


def says(messages: list[dict[str, str]]) -> str:
    if not judged.is_judge(messages):
        return "abcdefgh"[int(messages[-1]["content"].split()[1][:-1]) % 8] * 2
    asked = judged.parts(messages)
    low = 1.0 if asked["question"] in VAGUE else 6.0
    return judged.score(judged.drawn(asked["answer"], low, low + 3))


def run(folder: Path) -> Path:
    options = {
        "answer_tokens": 48,
        "candidates": 12,
        "score_from": 25,
        "length_from": 0,
        "gap_to": 100,
        "first_rate": 0.004,
    }
    train = {"steps": 8, "batch_size": 4, "learning_rate": 0.01}
    return scripted.run(folder, {"method": "rip", "options": options, "train": train}, scripted.rows(QUESTIONS), says)[
        0
    ]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run(tmp_path_factory.mktemp("rip") / "run")


def question(made: dict[str, Any]) -> str:
    return made["messages"][0]["content"]


def test_vague_prompts_fall_out_with_the_reason(done: Path) -> None:
    pairs = scripted.output(done, "pairs")
    assert set(VAGUE) & {question(p) for p in pairs}, "no vague prompt came as far as a pair"
    assert not set(VAGUE) & {question(p) for p in scripted.output(done, "prompts")}
    out = {r["question"]: r["reason"] for r in scripted.rejected(done, "prompts")}
    assert all("the rejected answer scores" in out[q] for q in VAGUE if q in {question(p) for p in pairs})


def test_what_stays_lies_within_the_percentiles(done: Path) -> None:
    def worst(p: dict[str, Any]) -> float:
        found = pair_of(row(p["id"], rejected=p["rejected"], lineage=p["lineage"]))
        assert found is not None
        return found[0]

    kept = [worst(p) for p in scripted.output(done, "prompts")]
    every = [worst(p) for p in scripted.output(done, "pairs")]
    assert kept and min(kept) >= percentile(every, 25) and len(kept) == sum(v >= percentile(every, 25) for v in every)


def test_the_same_run_keeps_the_same_ids(done: Path, tmp_path: Path) -> None:
    again = run(tmp_path / "run")
    assert [p["id"] for p in scripted.output(again, "prompts")] == [p["id"] for p in scripted.output(done, "prompts")]
    assert scripted.events(again, "metric")[-1]["values"]["loss.dpo"] > 0
