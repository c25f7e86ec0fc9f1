"""Models that are shared out over two processes, or have one of their own, make the run that one process makes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jobs.distill.events import read
from tests.jobs.distill import tiny
from tests.jobs.distill.forking import Forker
from tests.jobs.distill.test_ranks import TRAIN, assert_same, losses

SHARDED, OWN = {"placement": "sharded"}, {"placement": "own"}


def recipe(teacher: dict[str, Any], student: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "train": TRAIN,
        "teacher": {**tiny.RECIPE["teacher"], **teacher},
        "student": {**tiny.RECIPE["student"], **student},
        **changes,
    }


@pytest.fixture(scope="module")
def whole(engine: Forker, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one process."""
    folder = tiny.run_folder(tmp_path_factory.mktemp("whole") / "run", {"train": TRAIN})
    assert engine.run("distill", str(folder), WB_RANKS="1") == 0
    return folder


def told(folder: Path, field: str) -> list[dict[str, Any]]:
    return [e for e in read(folder / "events.jsonl") if e["type"] == "reason" and e["field"] == field]


@pytest.mark.parametrize(
    "who",
    ["both", pytest.param("teacher", marks=pytest.mark.slow), pytest.param("student", marks=pytest.mark.slow)],
)
def test_shared_weights_make_the_curve_of_whole_ones(engine: Forker, whole: Path, tmp_path: Path, who: str) -> None:
    """Two ranks, each with half of every block: losses of student and control to 1e-6, adapter, scores."""
    placed = recipe(SHARDED if who != "student" else {}, SHARDED if who != "teacher" else {})
    two = tiny.run_folder(tmp_path / "run", placed)
    assert engine.run("distill", str(two), WB_RANKS="2") == 0
    assert_same(whole, two)


def test_each_rank_holds_its_half_of_the_blocks(engine: Forker, tmp_path: Path) -> None:
    """The event counts parameters, not the process: blocks in halves, embeddings (tied to the output layer) and the last
    norm whole, the adapter on top. 32 wide: a block has 4 x 32² + 3 x 32 x 64 + 2 x 32 weights."""
    folder = tiny.run_folder(tmp_path / "run", recipe({}, SHARDED, control=False, method="sft"))
    assert engine.run("distill", str(folder), WB_RANKS="2") == 0
    report = json.loads((folder / "report.json").read_text())
    blocks, rest = 2 * (4 * 32**2 + 3 * 32 * 64 + 2 * 32) * 4, (264 * 32 + 32) * 4
    adapter = report["adapter_parameters"] * 4
    (placed,) = told(folder, "student.placement")
    kib = [round(n / 1024) for n in (blocks / 2 + rest + adapter, blocks + rest + adapter)]
    assert placed["why"] == f"each of the 2 ranks holds {kib[0]} KiB of its {kib[1]} KiB"


def test_a_teacher_of_its_own_makes_the_curve_of_one_process(engine: Forker, whole: Path, tmp_path: Path) -> None:
    """The second rank answers with states; the first one trains alone with the rows of a whole step."""
    two = tiny.run_folder(tmp_path / "run", recipe(OWN, {}))
    assert engine.run("distill", str(two), WB_RANKS="2") == 0
    assert_same(whole, two)
    assert told(two, "teacher.placement")[0]["value"] == "own"
    assert told(two, "ranks")[0]["why"].startswith("1 train and one teaches")
    assert not (two / "ranks").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("teacher", "student", "ranks", "changes"),
    [
        (SHARDED, SHARDED, "2", {"train": {**TRAIN, "batch_size": 5, "micro_batch": 1, "steps": 4}}),
        (OWN, {}, "3", {"train": {**TRAIN, "batch_size": 5, "micro_batch": 1, "steps": 4}}),
        (SHARDED, SHARDED, "2", {"train": {**TRAIN, "steps": 3}, "method": "on-policy-distillation", "control": False}),
        (OWN, {}, "2", {"train": {**TRAIN, "steps": 3}, "method": "on-policy-distillation", "control": False}),
    ],
    ids=["uneven-shares", "two-learn-one-teaches", "own-answers-shared", "own-answers-apart"],
)
def test_shares_of_unlike_size_and_the_students_own_answers(
    engine: Forker, tmp_path: Path, teacher: Any, student: Any, ranks: str, changes: dict[str, Any]
) -> None:
    """Five rows are three forwards here and two there; answers the student writes have lengths of their own."""
    one, many = (
        tiny.run_folder(tmp_path / "one", changes),
        tiny.run_folder(tmp_path / "many", recipe(teacher, student, **changes)),
    )
    assert engine.run("distill", str(one), WB_RANKS="1") == 0
    assert engine.run("distill", str(many), WB_RANKS=ranks) == 0
    assert_same(one, many)


def test_one_rank_has_nothing_to_share(engine: Forker, whole: Path, tmp_path: Path) -> None:
    one = tiny.run_folder(tmp_path / "run", recipe(OWN, SHARDED, control=False))
    assert engine.run("distill", str(one), WB_RANKS="1") == 0
    found = losses(one)
    assert found and found == {key: loss for key, loss in losses(whole).items() if key[0] == "student"}
    assert told(one, "student.placement")[0]["value"] == "each"


@pytest.mark.parametrize(
    ("placed", "where"), [(recipe(SHARDED, SHARDED), "rank_1_step@3"), (recipe(OWN, {}), "away_answer@8")]
)
def test_a_rank_that_is_lost_is_told_in_words(
    engine: Forker, tmp_path: Path, placed: dict[str, Any], where: str
) -> None:
    """The second rank is killed in the middle of training: with half of the weights, or with the teacher."""
    folder = tiny.run_folder(tmp_path / "run", placed)
    assert engine.run("distill", str(folder), WB_RANKS="2", WB_FAILPOINT=where) == 4
    error = json.loads((folder / "error.json").read_text())
    assert error["code"] == "RANK_LOST" and error["retry"]
    assert error["message"].startswith("One of the 2 ranks ended in the middle of the run")
    assert 0 < len(losses(folder)) < 16
