"""Where the compiler puts weights when there are several GPUs, and what it counts and refuses."""

from __future__ import annotations

import pytest

from jobs.distill.plan.facts import DeviceFacts

GIB = 2**30


def gpus(gib: float, count: int = 2) -> DeviceFacts:
    return DeviceFacts(
        kind="cuda", name="GPU", count=count, memory_bytes=int(gib * GIB), cores=8, bfloat16=True, flops=1e14
    )


def billion(desk, name, n):
    """n billion weights, nine tenths of them in the layers."""
    made = desk.model(name, 4096, 32)
    inside = sum(m.inputs * m.outputs * m.count for m in made.linears)
    scale = 0.9e9 * n / inside
    wider = [m.model_copy(update={"outputs": int(m.outputs * scale)}) for m in made.linears]
    return made.model_copy(update={"parameters": int(n * 1e9), "linears": wider, "weight_bytes": int(2e9 * n)})


ONLINE = {"train": {"teacher": "online", "epochs": 1, "learning_rate": 1e-4}}


def placed(found):
    return found.recipe.teacher.placement, found.recipe.student.placement


def parts(found):
    return {p.name: p.bytes for p in found.memory}


def test_what_fits_is_a_copy_on_each_gpu(desk):
    found = desk.plan(
        student=billion(desk, "student", 1), teacher=billion(desk, "teacher", 7), device=gpus(40), **ONLINE
    )
    assert placed(found) == ("each", "each") and found.ok
    (ranks,) = [c for c in found.choices if c.field == "ranks"]
    assert ranks.value == 2 and "Each GPU holds teacher and student" in ranks.why


def test_a_teacher_that_fits_only_alone_gets_a_gpu_of_its_own(desk):
    """The weights, 14 + 4 GB, fit 18.6 GiB while the teacher is scored, but not with the activations of training."""
    found = desk.plan(
        student=billion(desk, "student", 2),
        teacher=billion(desk, "teacher", 7),
        device=gpus(20.7),
        rows=desk.data(prompt=450),
        **ONLINE,
    )
    assert placed(found) == ("own", "each") and found.ok
    (choice,) = [c for c in found.choices if c.field == "teacher.placement"]
    assert "do not fit one GPU" in choice.why and "The result is the same." in choice.why
    assert "a GPU of its own" in next(s for s in found.stages if s.kind == "train").computes


def test_a_teacher_larger_than_a_gpu_is_shared_out(desk):
    teacher = billion(desk, "teacher", 14)
    found = desk.plan(student=billion(desk, "student", 1), teacher=teacher, device=gpus(26), **ONLINE)
    assert placed(found) == ("sharded", "each") and found.ok
    inside = sum(m.inputs * m.outputs * m.count for m in teacher.linears) * 2
    counted = parts(found)["teacher weights"]
    assert counted == pytest.approx(2 * teacher.parameters - inside / 2 + inside / 32, rel=1e-6)
    assert desk.plan(student=billion(desk, "student", 1), teacher=teacher, device=gpus(26, 1), **ONLINE).refusals


def test_a_student_larger_than_a_gpu_is_shared_out_too(desk):
    found = desk.plan(
        student=billion(desk, "student", 14), teacher=None, method="sft", device=gpus(24, 4),
        train={"learning_rate": 1e-4, "epochs": 1},
    )  # fmt: skip
    assert found.recipe.student.placement == "sharded" and found.ok
    assert parts(found)["student weights"] < 14e9


def test_the_part_of_the_teacher_that_stays_is_counted(desk):
    """Asked for on two GPUs with room: the learners' GPU holds the output layer, 4,096 ids wide, in two bytes."""
    teacher = billion(desk, "teacher", 1)
    asked = desk.recipe(
        teacher={"model": "teacher", "placement": "own"}, evaluation={"batch_size": 1, "max_new_tokens": 8}, **ONLINE
    )
    found = desk.plan(student=billion(desk, "student", 7), teacher=teacher, device=gpus(80), asked=asked)
    counted = parts(found)
    assert counted["teacher output layer"] == 4096 * teacher.hidden_size * 2
    assert counted["teacher states"] > 0 and "teacher weights" not in counted


@pytest.mark.parametrize(
    ("placement", "changes", "why"),
    [
        ("own", {"train": {"teacher": "recorded"}}, "no stage has it run beside the student"),
        ("sharded", {"adapter": {"rank": 8, "alpha": 16, "pruned": 0.5}}, "reads whole weights"),
        ("sharded", {"adapter": {"rank": 8, "alpha": 16, "start": "lora_ga"}}, "reads whole weights"),
    ],
)
def test_it_refuses_what_cannot_be_placed_so(desk, placement, changes, why):
    adapter = changes.get("adapter", {"rank": 8, "alpha": 16})
    asked = desk.recipe(
        student={
            "model": "student",
            "adapter": adapter,
            **({"placement": placement} if placement == "sharded" else {}),
        },
        teacher={"model": "teacher", **({"placement": placement} if placement == "own" else {})},
        train={"learning_rate": 2e-3} | changes.get("train", {}),
    )
    problem = desk.one(desk.plan(asked=asked, device=gpus(40)).refusals, f"PLACEMENT_{placement.upper()}")
    assert why in problem.message and problem.fix.value == "each"


def test_one_device_has_nothing_to_share_and_says_so(desk):
    found = desk.plan(
        teacher=desk.model("teacher"), asked=desk.recipe(teacher={"model": "teacher", "placement": "sharded"})
    )
    problem = desk.one(found.warnings, "PLACEMENT_ONE_GPU")
    assert problem.fix.value == "auto" and found.ok
    assert found.recipe.student.placement == "auto"
