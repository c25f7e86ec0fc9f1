"""Round t rows come only from items failed in round t-1; teacher prompt holds the student's wrong answer; right>wrong margin grows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from jobs.distill.scores import numeric_match
from tests.jobs.distill import scripted

pytestmark = pytest.mark.slow  # whole runs, shared by its tests

SUMS = [(f"{n} + {n + 1}", str(2 * n + 1)) for n in range(14)]


def says(messages: list[dict[str, str]]) -> str:
    a, b = re.search(r"(\d+) \+ (\d+)", messages[-1]["content"]).groups()  # type: ignore[union-attr]
    return f"Add. Answer: {int(a) + int(b)}"


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, scripted.Teacher]:
    options = {"rounds": 2, "answer_tokens": 40, "first_rate": 0.01}
    train = {"steps": 8, "batch_size": 4, "learning_rate": 0.01}
    recipe = {"method": "tailored-learning", "options": options, "train": train, "evaluation": {"max_new_tokens": 24}}
    folder, teacher = scripted.run(tmp_path_factory.mktemp("t") / "run", recipe, scripted.rows(SUMS), says)
    assert teacher is not None
    return folder, teacher


def test_rows_of_a_round_come_only_from_what_the_student_failed(done: tuple[Path, scripted.Teacher]) -> None:
    for number in (1, 2):
        made = scripted.output(done[0], f"explain-mistakes-{number}")
        assert made and all(numeric_match(r["student_said"], r["gold"]) == 0 for r in made)
        assert all(r["lineage"]["stage"] == f"explain mistakes {number}" for r in made)


def test_the_teacher_reads_the_student_s_wrong_answer(done: tuple[Path, scripted.Teacher]) -> None:
    explained = [p for p in done[1].prompts() if "The student answered:" in p]
    for made in scripted.output(done[0], "explain-mistakes-1"):
        assert any(made["student_said"] in p and made["messages"][0]["content"] in p for p in explained)
        assert made["messages"][-1]["content"].startswith("Add. Answer:")


def test_the_margin_of_right_over_wrong_grows(done: tuple[Path, scripted.Teacher]) -> None:
    losses = [e["values"]["loss.plad-calibration"] for e in scripted.events(done[0], "metric") if "loss.plad-calibration" in e["values"]]  # fmt: skip
    assert len(losses) == 16 and sum(losses[5:8]) < sum(losses[:3])
