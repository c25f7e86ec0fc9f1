"""Items over the judge-gap threshold and no others seed new ones; near duplicates dropped; loop resumes after a crash without double calls."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from jobs.distill import stages
from jobs.distill.events import Events
from jobs.distill.run import distill
from tests.jobs.distill import scripted
from tests.jobs.distill.systems import judged

pytestmark = pytest.mark.slow  # whole runs, shared by its tests

QUESTIONS = [(f"question number {n}", "fine") for n in range(14)]
HARD = {"question number 2", "question number 5", "question number 6", "question number 9"}
LONG = "a long word of zinc"


def says(messages: list[dict[str, str]]) -> str:
    if judged.is_judge(messages):
        asked = judged.parts(messages)
        return judged.score(9 if asked["question"] not in HARD or asked["answer"] == LONG else 3)
    text = messages[-1]["content"]
    if "a student answers badly" not in text:
        return LONG if text in HARD else "fine"
    n = re.search(r"question number (\d+)", text)
    if n is None or n[1] in ("5", "6"):
        return "Name every lake of the far north that no map shows, with the year of its finding"
    return f"What would happen to the {n[1]} oldest bridges of the town if rain fell for {n[1]} weeks?"


RECIPE = {
    "method": "lion", "options": {"rounds": 2, "threshold": 2.0, "answer_tokens": 40},
    "train": {"steps": 10, "batch_size": 4, "learning_rate": 0.02}, "evaluation": {"max_new_tokens": 16},
}  # fmt: skip


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, scripted.Teacher]:
    """A run that breaks down in the training of its second round and is started again."""
    with scripted.teacher(says) as teacher, pytest.MonkeyPatch.context() as patch:
        folder = scripted.run_folder(
            tmp_path_factory.mktemp("lion") / "run", RECIPE, scripted.rows(QUESTIONS), teacher.url
        )
        plain = stages.train_stage

        def breaks(work: object, index: int, stage: object) -> str:
            if stage.name == "imitate 2":  # type: ignore[attr-defined]
                raise RuntimeError("the power went out")
            return plain(work, index, stage)  # type: ignore[arg-type]

        patch.setattr(stages, "train_stage", breaks)
        with pytest.raises(RuntimeError, match="power"):
            distill(folder, Events(folder))
        patch.setattr(stages, "train_stage", plain)
        before = len(teacher.asked)
        distill(folder, Events(folder))
        assert before > 20
        return folder, teacher


def test_only_items_over_the_threshold_seed_new_ones(done: tuple[Path, scripted.Teacher]) -> None:
    folder, _ = done
    names = {f"row-{q.rsplit(' ', 1)[1].zfill(3)}" for q in HARD}
    made = scripted.output(folder, "hard-questions-1")
    assert made and {p for r in made for p in r["lineage"]["parents"]} <= names
    assert all(r["gap"] >= 2 for r in made)
    left = [r for r in scripted.rejected(folder, "hard-questions-1") if r["code"] == "unusable"]
    assert all("not hard: the gap is 0" in r["reason"] for r in left) and left


def test_near_duplicates_are_dropped(done: tuple[Path, scripted.Teacher]) -> None:
    folder, _ = done
    lakes = [
        r for k in (1, 2) for r in scripted.output(folder, f"new-ones-{k}") if "lake" in r["messages"][0]["content"]
    ]
    assert len({r["id"] for r in lakes}) <= 1


def test_nothing_was_asked_twice_though_the_run_broke_down(done: tuple[Path, scripted.Teacher]) -> None:
    assert max(done[1].counts.values()) == 1
