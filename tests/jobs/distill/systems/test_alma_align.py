"""Responses come from >=3 checkpoints; aggregated judge variance < single judge; round k+1 starts from round k adapter."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from safetensors.torch import load_file

from tests.jobs.distill import scripted
from tests.jobs.distill.systems import judged

pytestmark = pytest.mark.slow  # whole runs, shared by its tests

ROWS = [(f"ask {n}", "yes" if n % 2 else "no") for n in range(12)]
CALLS = [0]


def says(messages: list[dict[str, str]]) -> str:
    CALLS[0] += 1
    if judged.is_judge(messages):
        asked = judged.parts(messages)
        return judged.score(judged.drawn(asked["answer"], 3, 8) + CALLS[0] % 3 - 1)
    return f"What about {CALLS[0]}?"


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    options = {"rounds": 2, "prompts": 10, "votes": 4, "answer_tokens": 24, "first_rate": 0.005}
    train = {"steps": 5, "batch_size": 4, "learning_rate": 0.002}
    recipe = {"method": "alma-align", "options": options, "train": train, "evaluation": {"max_new_tokens": 8}}
    return scripted.run(tmp_path_factory.mktemp("a") / "run", recipe, scripted.rows(ROWS), says)[0]


def test_responses_come_from_three_checkpoints(done: Path) -> None:
    judged_rows = scripted.output(done, "judge-1")
    assert {r["lineage"]["by"] for r in judged_rows} == {"checkpoint 1", "checkpoint 2", "student"}
    assert {r["messages"][0]["content"] for r in judged_rows} <= {r["messages"][0]["content"] for r in scripted.output(done, "prompts")}  # fmt: skip


def test_many_votes_vary_less_than_one(done: Path) -> None:
    notes = [e["message"] for e in scripted.events(done, "log") if "have a variance of" in e["message"]]
    assert notes
    for note in notes:
        one, mean = (float(x) for x in re.findall(r"(?:variance of|mean has) ([\d.]+\d)", note))
        assert 0 < mean < one / 2


def test_the_next_round_starts_from_the_last_one_s_adapter(done: Path) -> None:
    losses = [e["values"]["loss.dpo"] for e in scripted.events(done, "metric") if "loss.dpo" in e["values"]]
    assert losses[0] == pytest.approx(0.6931, abs=1e-3)  # the third checkpoint is its own reference
    assert abs(losses[5] - 0.6931) > 1e-3  # the second round goes on from where the first one ended
    ends = [load_file(p / "adapter.safetensors") for p in sorted((done / "stages").glob("*-student"))]
    assert len(ends) == 5 and any((ends[3][n] != ends[4][n]).any() for n in ends[3])
