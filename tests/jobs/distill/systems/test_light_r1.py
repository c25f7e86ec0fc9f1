"""Stage 2 contains only items with stage-1 pass rate under the threshold; DPO pairs are verified right vs wrong from the current student."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from jobs.distill.verifiers.numeric import Numeric
from tests.jobs.distill import scripted
from tests.jobs.distill.bench import Bench, row
from tests.jobs.distill.systems import written

ROWS = [(f"is {n} low or high? say 1 or 2", str(1 + (n > 6))) for n in range(16)]


def says(messages: list[dict[str, str]]) -> str:
    n = int(re.search(r"is (\d+)", messages[-1]["content"])[1])  # type: ignore[index]
    return f"Answer: {1 + (n > 6) if n != 5 else 2}"


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    options = {"answer_tokens": 24, "tries": 4, "below": 0.9, "candidates": 8, "first_rate": 0.02, "reinforce": True, "group": 4}  # fmt: skip
    train = {"steps": 12, "batch_size": 4, "learning_rate": 0.01}
    recipe = {"method": "light-r1", "options": options, "train": train}
    return scripted.run(tmp_path_factory.mktemp("l") / "run", recipe, scripted.rows(ROWS), says)[0]


def test_wrong_traces_never_train(done: Path) -> None:
    assert {r["parents"][0] for r in scripted.rejected(done, "right-traces")} == {"row-005"}


def test_stage_two_holds_only_what_the_student_mostly_fails(done: Path) -> None:
    hard = scripted.output(done, "hard-ones")
    assert hard and all(r["checks"]["pass-rate"] < 0.9 for r in hard)
    easy = scripted.rejected(done, "hard-ones")
    assert len(hard) + len(easy) == 11 and all("is right" in r["reason"] for r in easy)


def test_pairs_are_right_over_wrong_answers_of_the_present_student(done: Path) -> None:
    pairs = scripted.output(done, "right-over-wrong")
    assert pairs
    for p in pairs:
        sides = [row("a", answer=p["chosen"], gold=p["gold"]), row("b", answer=p["rejected"], gold=p["gold"])]
        assert [v.ok for v in Numeric().check(sides, Numeric.Options(), Bench())] == [True, False]
        assert p["lineage"]["sources"] == ["student", "student"]
    attempts = {(r["messages"][0]["content"], r["messages"][-1]["content"]) for r in scripted.output(done, "attempts")}
    assert all((p["messages"][0]["content"], p["rejected"]) in attempts for p in pairs)
    assert [e for e in scripted.events(done, "metric") if "loss.dpo" in e["values"]]


def test_the_last_stage_rewards_answers_by_the_same_check(done: Path) -> None:
    """Asked is what the student gets right and wrong, and the share that is right is told window by window."""
    asked = {p["messages"][0]["content"] for p in scripted.output(done, "right-over-wrong")}
    metrics = [e["values"] for e in scripted.events(done, "metric")]
    steps = [m for m in metrics if "loss.policy-gradient" in m]
    rewards = [m["rollout.reward"] for m in metrics if "rollout.reward" in m]
    assert len(steps) == 12 and rewards and all(0 <= r <= 1 for r in rewards) and any(0 < r < 1 for r in rewards)
    rollouts = json.loads((done / "report.json").read_text())["training"]
    assert len(rollouts) >= 4 and asked
    assert [s.name for s in written.stages("light-r1")] == [s.name for s in written.stages("light-r1", reinforce=True)][
        :-1
    ]
