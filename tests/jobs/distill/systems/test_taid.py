"""At t = 0 the loss is 0, at t = 1 it is forward KL; t rises with the published momentum, never behind the straight line,
and a run that was interrupted moves it as an undisturbed one."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from jobs.distill.batches import Limits
from jobs.distill.checkpoint import Checkpoints
from jobs.distill.events import Events
from jobs.distill.recipe import Train
from jobs.distill.schedules.terms import curves_of, terms_at
from jobs.distill.sources.fixed import FixedRows
from jobs.distill.stages import terms_of
from jobs.distill.train import Arm, Loop
from tests.jobs.distill.systems import duo

torch.set_num_threads(1)
STEPS = 6
ROWS = [
    duo.RENDERER.example(duo.row(q, q, a))
    for q, a in (("lost?", "card lost"), ("money back", "refund"), ("rate", "no"))
]


def stage(**options: float) -> Train:
    return duo.stage("taid", "distil", **options).model_copy(
        update={"steps": STEPS, "batch_size": 2, "learning_rate": 0.01, "epochs": None}
    )


def loop(folder: Path, asked: Train) -> Loop:
    arm = Arm(
        "student", "train", asked, STEPS, terms_of(asked), FixedRows(ROWS, 2, 0), Limits(2), 0,
        teacher=duo.teacher(folder, double=False), vocab=261, curves=curves_of(asked.terms),
    )  # fmt: skip
    model = duo.learner(folder, double=False)
    events = Events(folder)
    return Loop(model, arm, Checkpoints(folder, "student", "r", [], events), events)


def position(made: Loop) -> float:
    """t as the next step will read it."""
    progress = made.progress
    (term,) = terms_at(made.arm.terms, made.arm.curves, progress.step, STEPS, progress.reached)
    return term.objective.options.t


def test_it_begins_at_the_student_and_ends_at_the_teacher(tmp_path: Path) -> None:
    model, side = duo.learner(tmp_path), duo.teacher(tmp_path)
    plain = duo.stage("word-kd", "distil", temperature=1.0)
    forward = float(
        duo.shares(model, [t for t in terms_of(plain) if t.objective.name == "forward-kl"], ROWS, "token_mean", side)[0]
    )
    for t, expected in ((0.0, 0.0), (1.0, forward)):
        asked = stage(t_start=t, t_end=1.0)
        terms = terms_at(terms_of(asked), curves_of(asked.terms), 0, STEPS, {})
        assert float(duo.shares(model, terms, ROWS, "token_mean", side)[0]) == pytest.approx(expected, abs=1e-9)


def test_t_moves_as_published(tmp_path: Path) -> None:
    made = loop(tmp_path, stage(step=0.3))
    made.resume()
    seen, moved, m, before, t = [], [], 0.0, None, 0.4
    for done in range(1, STEPS + 1):
        seen.append(position(made))
        made.one_step()
        loss = made.losses[-1]
        moved.append(t)
        if before is not None:
            m = 0.99 * m + 0.01 * (before - loss) / before
            t = min(1.0, max(0.4 + 0.6 * done / STEPS, t + 0.3 / (1 + math.exp(-m)) * (1 - t)))
        before = loss
    assert seen == pytest.approx(moved, abs=1e-6) and seen[0] == 0.4 and seen == sorted(seen)
    assert position(made) == pytest.approx(1.0)


def test_an_interrupted_run_moves_t_as_an_undisturbed_one(tmp_path: Path) -> None:
    whole = loop(tmp_path / "whole", stage())
    whole.resume()
    for _ in range(STEPS):
        whole.one_step()
    cut = loop(tmp_path / "cut", stage())
    cut.resume()
    for _ in range(3):
        cut.one_step()
    cut.save()
    again = loop(tmp_path / "cut", stage())
    assert again.resume()
    for _ in range(3):
        again.one_step()
    assert again.progress.reached == whole.progress.reached and len(whole.progress.reached) == 3
    for name, parameter in whole.parameters.items():
        assert torch.equal(parameter, again.parameters[name]), name


def test_its_small_form_trains(tmp_path: Path) -> None:
    found = duo.losses_of(duo.run(tmp_path / "run", "taid"), "interpolated-kl")
    assert len(found) == 3 and min(found) > 0
