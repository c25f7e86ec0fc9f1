"""The frozen base in the plan: 4 bits, stretched positions, what does not go with them, and the bytes they take."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.distill.plan.memory import BITS

NF4 = {"model": "student", "quantise": "nf4"}


def asked(desk: Any, plan: Any, changes: dict[str, Any] | None = None, **given: Any) -> Any:
    """The plan of a recipe whose student is in 4 bits and as `changes` say."""
    return plan(asked=desk.recipe(student={**NF4, **(changes or {})}), **given)


def stretched(desk: Any, plan: Any, context: dict[str, Any], method: str = "llm-neo", **given: Any) -> Any:
    more = {"teacher": None} if given.get("teacher", 1) is None else {}
    return plan(asked=desk.recipe(method=method, student={"model": "student", "context": context}, **more), **given)


def weights(found: Any, name: str = "student weights") -> int:
    return next(p.bytes for p in found.memory if p.name == name)


def test_four_bits_shrink_the_layers_and_nothing_else(desk: Any, plan: Any) -> None:
    facts = desk.model("student")
    alone = {"method": "sft", "teacher": None, "train": {"learning_rate": 2e-3, "steps": 20}}
    whole = plan(asked=desk.recipe(**alone), teacher=None)
    quantised = plan(asked=desk.recipe(**alone, student=NF4), teacher=None)
    inside = sum(m.inputs * m.outputs * m.count for m in facts.linears)
    largest = max(m.inputs * m.outputs for m in facts.linears)
    assert weights(whole) == 4 * facts.parameters
    assert weights(quantised) == int(inside * BITS / 8) + 4 * (facts.parameters - inside + largest)
    assert 0.5 < BITS / 8 < 0.52 and quantised.ok
    assert desk.one(quantised.warnings, "QUANTISE_SLOW").fix.value == "none"


def test_a_gpu_is_not_called_slow(desk: Any, plan: Any) -> None:
    gpu = desk.DEVICE.model_copy(update={"kind": "cuda", "bfloat16": True})
    found = asked(desk, plan, device=gpu)
    assert found.ok and "QUANTISE_SLOW" not in desk.codes(found.warnings)


def test_a_teacher_in_four_bits_takes_less(desk: Any, plan: Any) -> None:
    online = {"train": {"learning_rate": 2e-3, "teacher": "online"}}
    whole = plan(asked=desk.recipe(**online))
    small = plan(asked=desk.recipe(**online, teacher={"model": "teacher", "quantise": "nf4"}))
    assert weights(small, "teacher weights") < 0.8 * weights(whole, "teacher weights")


def test_a_worker_without_the_package_refuses_with_what_to_install(desk: Any, plan: Any) -> None:
    device = desk.DEVICE.model_copy(update={"four_bit": False})
    problem = desk.one(asked(desk, plan, device=device).refusals, "QUANTISE_MISSING")
    assert "pip install -r requirements/four-bit.txt" in problem.message and problem.field == "student.quantise"
    assert plan(device=device).ok


@pytest.mark.parametrize(
    "adapter",
    [{"type": "loha"}, {"type": "clover"}, {"velora": {"groups": 4}}, {"pruned": 0.3}],
)
def test_what_changes_the_weights_needs_them_whole(desk: Any, plan: Any, adapter: dict[str, Any]) -> None:
    problem = desk.one(asked(desk, plan, {"adapter": adapter}).refusals, "QUANTISE_ADAPTER")
    assert problem.fix.value["type"] == "lora" and asked(desk, plan, {"adapter": problem.fix.value}).ok


@pytest.mark.parametrize("adapter", [{"dora": True}, {"start": "pissa"}, {"start": "loftq"}, {"whole": ["embeddings"]}])
def test_what_goes_beside_the_weights_does_not(desk: Any, plan: Any, adapter: dict[str, Any]) -> None:
    assert asked(desk, plan, {"adapter": adapter}).ok


def test_loftq_has_something_to_make_up_for(desk: Any, plan: Any) -> None:
    problem = desk.one(plan(adapter={"start": "loftq"}).refusals, "LOFTQ_WHOLE")
    assert (problem.fix.field, problem.fix.value) == ("student.quantise", "nf4")


def test_rows_may_be_as_long_as_the_stretched_window(desk: Any, plan: Any) -> None:
    rows = desk.data(prompt=900)
    teacher = desk.model("teacher", 256, 4, context=4096)
    before, after = plan(rows=rows, teacher=teacher), stretched(desk, plan, {"times": 2}, rows=rows, teacher=teacher)
    assert before.rows.lost and not after.rows.lost
    assert after.recipe.data.max_length == 1024 and after.ok
    narrow = stretched(desk, plan, {"times": 2}, rows=rows, teacher=desk.model("teacher", 256, 4, context=700))
    assert narrow.recipe.data.max_length == 700, "a teacher that reads less still decides"


def test_short_rows_teach_no_long_positions(desk: Any, plan: Any) -> None:
    context = {"times": 4, "theta": 1e6}
    assert "CONTEXT_SHORT_ROWS" in desk.codes(stretched(desk, plan, context).warnings)
    assert "CONTEXT_SHORT_ROWS" not in desk.codes(stretched(desk, plan, context, rows=desk.data(prompt=900)).warnings)


@pytest.mark.parametrize(
    ("facts", "context", "code"),
    [
        ({"model_type": "gpt2"}, {"times": 2}, "CONTEXT_FAMILY"),
        ({"positions": "llama3"}, {"times": 2, "scaling": "yarn"}, "CONTEXT_SCALED"),
    ],
)
def test_positions_that_cannot_be_stretched(desk: Any, plan: Any, facts: Any, context: Any, code: str) -> None:
    found = stretched(desk, plan, context, student=desk.model("student", **facts))
    assert code in desk.codes(found.refusals)


def test_a_window_as_long_as_before_is_said(desk: Any, plan: Any) -> None:
    for context in ({}, {"scaling": "linear"}):
        found = stretched(desk, plan, context)
        assert "CONTEXT_SAME" in desk.codes(found.warnings)


def test_longlora_stretches_the_window_where_it_is_asked_to(desk: Any, plan: Any) -> None:
    rows = desk.data(prompt=900)
    for times, longest, said in ((1, 512, ["NO_USABLE_ROWS"]), (2, 1024, [])):
        recipe = desk.recipe(method="longlora", options={"group": 256, "times": times}, teacher=None)
        found = plan(asked=recipe, teacher=None, rows=rows)
        assert found.recipe.data.max_length == longest and desk.codes(found.refusals) == said
        assert "CONTEXT_SAME" not in desk.codes(found.warnings)


def test_a_student_that_names_labels_is_loaded_as_it_is(desk: Any, plan: Any) -> None:
    found = asked(desk, plan, {"task": "classify"})
    assert desk.one(found.refusals, "BASE_AS_IT_IS").fix.value == "none"
