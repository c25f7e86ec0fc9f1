"""The stage board along the engine's own way: base, teacher, training, student, control."""

import pytest

from tests.workbench import make_runs
from workbench.runs import board
from workbench.runs.models import Run, State
from workbench.runs.state import acting


@pytest.fixture
def run(team_a, alice):
    return make_runs.running(team_a, alice, phase="train")


def states(run):
    return {s.name: s.state for s in board.stages(run)}


def at(run, phase, **progress):
    Run.objects.filter(pk=run.pk).update(phase=phase, progress={"phase": phase, **progress})
    run.refresh_from_db()
    return run


def test_it_says_that_base_and_teacher_were_judged_before_the_training(run):
    assert states(run) == {
        "prepare": "done",
        "teacher": "done",
        "train": "active",
        "control": "todo",
        "evaluate": "part",
        "export": "todo",
    }
    assert {s.name: s.note for s in board.stages(run)}["evaluate"] == "base and teacher judged"


def test_it_counts_nothing_as_done_while_the_base_is_judged(team_a, alice):
    run = make_runs.running(team_a, alice, phase="prepare")
    make_runs.event(run, "phase", phase="evaluate", stage="base")
    at(run, "evaluate", done=300, total=1200, unit="rows")
    assert states(run) == {
        "prepare": "done",
        "teacher": "todo",
        "train": "todo",
        "control": "todo",
        "evaluate": "active",
        "export": "todo",
    }
    assert {s.name: s.note for s in board.stages(run)}["evaluate"] == "base: 300 of 1,200 rows"


def test_it_finishes_evaluation_when_the_export_begins(run):
    make_runs.event(run, "phase", phase="export")
    assert states(at(run, "upload"))["evaluate"] == "done" and states(run)["export"] == "active"


def test_it_starts_again_with_a_new_attempt(run):
    Run.objects.filter(pk=run.pk).update(attempt=2)
    run.refresh_from_db()
    assert set(states(run).values()) == {"todo"}


def test_it_marks_where_a_run_stopped(run):
    with acting("worker"):
        Run.objects.filter(pk=run.pk).update(state=State.FAILED, slot=None, owner=None, lease_until=None)
    run.refresh_from_db()
    assert states(run)["train"] == "stopped"


def test_it_leaves_out_what_the_recipe_leaves_out(team_a, alice):
    run = make_runs.running(team_a, alice, spec={**make_runs.RECIPE, "control": False, "teacher": None}, slot="cpu-5")
    assert states(run)["control"] == states(run)["teacher"] == "skipped"


def test_it_adds_the_plan_of_what_comes_to_the_time_left(run):
    run.plan = {
        "stages": [
            {"kind": "train", "seconds": 100},
            {"kind": "control", "seconds": 50},
            {"kind": "evaluate", "seconds": 40},
        ]
    }
    assert board.seconds_left(run) == 46 + 50 + 20  # two of four arms are judged


def test_it_shows_the_phases_of_other_work(team_a, alice):
    run = make_runs.running(
        team_a, alice, kind="add_model", spec={"source": "hub", "key": "a/b"}, phase="prepare", slot="cpu-6"
    )
    at(run, "prepare", done=3 << 20, total=12 << 20, unit="bytes")
    assert [(s.name, s.state, s.note) for s in board.stages(run)] == [("prepare", "active", "3.0 MiB of 12.0 MiB")]
