"""Reward model ranks held-out teacher answers above student ones >= 80%; RL stage raises mean reward and keeps KL under the set bound."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.jobs.distill import scripted

pytestmark = pytest.mark.slow  # whole runs, shared by its tests

ROWS = [(f"how many {n}?", "3") for n in range(30)]
BOUND = 0.5


def says(messages: list[dict[str, str]]) -> str:
    return "it is 3"


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    options = {"candidates": 4, "reward_steps": 30, "reward_rate": 0.005, "samples": 4, "kl_bound": BOUND, "kl_weight": 0.01, "answer_tokens": 32, "first_rate": 0.005}  # fmt: skip
    train = {"steps": 10, "batch_size": 16, "learning_rate": 0.003}
    recipe = {"method": "reward-distill", "options": options, "train": train, "evaluation": {"max_new_tokens": 16}}
    return scripted.run(tmp_path_factory.mktemp("r") / "run", recipe, scripted.rows(ROWS), says)[0]


def values(folder: Path, name: str) -> list[float]:
    return [e["values"][name] for e in scripted.events(folder, "metric") if name in e["values"]]


def test_the_reward_model_orders_pairs_it_did_not_see(done: Path) -> None:
    facts = json.loads((done / "report.json").read_text())["made_rows"]["reward"]
    assert facts["heldout_pairs"] >= 2 and facts["heldout_in_order"] >= 0.8
    pairs = scripted.output(done, "pairs")
    assert sum(p["lineage"]["sources"] == ["teacher", "student"] for p in pairs) > len(pairs) / 2


def test_reinforcement_raises_the_reward_within_the_bound(done: Path) -> None:
    rewards, kl = values(done, "rollout.reward"), values(done, "rollout.kl")
    assert sum(rewards[-3:]) > sum(rewards[:3])
    assert abs(kl[0]) < 1e-4 and max(kl[-3:]) < BOUND and set(values(done, "rollout.kl_bound")) == {BOUND}
