"""Terms over inner states: what the compiler refuses, and that its fix helps."""

from __future__ import annotations

from typing import Any

import pytest

HIDDEN = {"type": "hidden", "options": {"layers": "9:9,3:4"}}
TWO = {"members": [{"kind": "model"}, {"kind": "base"}]}


@pytest.mark.parametrize("method", ["ted", "sinkd", "minilm", "fitnets"])
def test_the_systems_are_let_through_with_a_running_teacher(desk: Any, method: str) -> None:
    plan = desk.plan(method=method)
    assert plan.ok and plan.recipe.stages[1].teacher == "online"


@pytest.mark.parametrize(
    ("code", "terms", "changes"),
    [
        ("LAYERS_MISSING", [HIDDEN], {}),
        ("LAYERS_WITHOUT_GRADIENT", ["attention-relations"], {}),
        ("LAYERS_WITHOUT_GRADIENT", [{"type": "hidden", "options": {"layers": "1:2"}}], {}),
        ("STATES_OF_SEVERAL", ["hidden"], {"teaching": TWO}),
        ("SIGNALS_INSUFFICIENT", ["sinkhorn"], {"teacher": "recorded"}),
        ("BATCH_CUT", ["sinkhorn"], {"micro_batch": 2}),
    ],
)
def test_it_objects_with_a_fix_that_helps(desk: Any, code: str, terms: list[Any], changes: dict[str, Any]) -> None:
    stage = desk.train(*terms, **changes)
    plan = desk.plan(stages=[desk.GENERATE, stage])
    found = desk.one([*plan.refusals, *plan.warnings], code)
    assert found.message.endswith(".") and found.fix is not None
    at, place = stage, found.fix.field.removeprefix("stages.1.").split(".")
    for name in place[:-1]:
        at = at[int(name)] if name.isdigit() else at.setdefault(name, {})
    at[place[-1]] = found.fix.value
    after = desk.plan(stages=[desk.GENERATE, stage])
    assert code not in desk.codes([*after.refusals, *after.warnings])


def test_fused_projections_are_refused(desk: Any) -> None:
    """A family whose queries, keys and values are one matrix."""
    fused = [m for m in desk.model("teacher", 256, 4).linears if m.name not in ("q_proj", "k_proj", "v_proj")]
    plan = desk.plan(method="minilm", teacher=desk.model("teacher", 256, 4, linears=fused))
    assert desk.one(plan.refusals, "PROJECTIONS_FUSED").fix.value == "fitnets"


def test_a_map_that_is_no_map_is_refused(desk: Any) -> None:
    stage = desk.train({"type": "hidden", "options": {"layers": "top"}})
    assert "6:12,12:24" in desk.one(desk.plan(stages=[desk.GENERATE, stage]).refusals, "OPTION_INVALID").message
