"""What terms train beside the adapter is part of a checkpoint, and the adapter waits while the filters learn."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from jobs.distill.capture import shape_of
from jobs.distill.recipe import Curve, Train
from jobs.distill.recipe import Term as Spec
from jobs.distill.rows import Example, Renderer, Row
from jobs.distill.train import Loop, Stopped
from jobs.distill.weights import backbone
from tests.jobs.distill import tiny
from tests.jobs.distill.test_train import Bench, teacher

STEPS, FILTERS = 6, 3
HALF = Curve(type="steps", start=0, points=[(0.5, 1)])
PLAN = Train(
    terms=[
        Spec(type="cross-entropy", schedule={"weight": HALF}),
        Spec(type="task-aware-layers", schedule={"align": HALF}),
    ],
    steps=STEPS,
    batch_size=4,
    learning_rate=0.01,
)
CURVES = {"0.weight": HALF, "1.align": HALF}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    torch.set_num_threads(1)
    top = tmp_path_factory.mktemp("models")
    return {"teacher": tiny.model(top / "teacher", 1, 48, 3), "student": tiny.model(top / "student", 2, 32)}


@pytest.fixture(scope="module")
def examples() -> list[Example]:
    renderer = Renderer(tiny.tokenizer(), [1])
    given = tiny.rows(labelled=8, unlabelled=0, heldout=0)
    return [
        renderer.example(Row(r["row_id"], tuple(r["messages"]), r["answer"] or "again", "train", 0, True))
        for r in given
    ]


def loop(folder: Path, models: dict[str, Path], examples: list[Example]) -> tuple[Bench, Loop]:
    bench = Bench(folder, models, examples)
    side = teacher(models)
    shape = shape_of(side.model, backbone(side.model))
    arm = bench.arm(PLAN, teacher=side, teacher_shape=shape, curves=CURVES)
    return bench, Loop(bench.model, arm, bench.checkpoints(), bench.events)


def test_the_adapter_waits_for_the_filters_and_then_theirs_stand_still(
    tmp_path: Path, models: dict[str, Path], examples: list[Example]
) -> None:
    _, one = loop(tmp_path, models, examples)
    one.resume()
    for step in range(STEPS):
        before = {n: p.detach().clone() for n, p in one.parameters.items()}
        one.one_step()
        moved = {n for n, p in one.parameters.items() if not torch.equal(p, before[n])}
        teachers = {n for n in before if n.startswith("helper.") and ".teacher." in n}
        students = {n for n in before if n.startswith("helper.") and ".student." in n}
        if step < FILTERS:
            assert moved == teachers | students
        else:
            assert students <= moved and not moved & teachers and any("lora" in n for n in moved)


def test_it_resumes_bit_for_bit_with_the_filters(
    tmp_path: Path, models: dict[str, Path], examples: list[Example]
) -> None:
    """Stopped in each phase: adapter and filters end as in the undisturbed run."""
    _, whole = loop(tmp_path / "whole", models, examples)
    finish(whole)
    for stop in (2, 4):
        bench, first = loop(tmp_path / f"cut{stop}", models, examples)
        first.resume()
        with pytest.raises(Stopped):
            while first.progress.step < STEPS:
                first.one_step()
                if first.progress.step == stop:
                    first.save()
                    raise Stopped
        _, again = loop(bench.folder, models, examples)
        finish(again)
        assert again.progress.step == STEPS and set(again.parameters) == set(whole.parameters)
        assert all(torch.equal(p, whole.parameters[n]) for n, p in again.parameters.items())


def finish(one: Loop) -> None:
    one.resume()
    while one.progress.step < STEPS:
        one.one_step()
