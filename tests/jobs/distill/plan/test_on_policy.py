"""What the compiler says about rows the student writes."""

from __future__ import annotations

from typing import Any

import pytest

OWN = {"kind": "student", "window": 2}
REWARDED = {**OWN, "samples": 4, "reward": "exact_match"}


def stages(desk: Any, *terms: Any, **changes: Any) -> list[dict]:
    return [desk.GENERATE, desk.train(*terms, **{"batch_size": 8, **changes})]


@pytest.mark.parametrize(
    ("code", "terms", "changes"),
    [
        ("POLICY_OFF_POLICY", ["on-policy-kd"], {}),
        ("POLICY_CORRECTED", ["minillm"], {"source": {**OWN, "correct": True}}),
        ("REWARD_MISSING", ["policy-gradient"], {"source": {**OWN, "samples": 4}}),
        ("REWARD_MISSING", [{"type": "kl-estimate", "options": {"only": "wrong"}}], {"source": OWN}),
        ("GROUP_OF_ONE", ["policy-gradient"], {"source": {**REWARDED, "samples": 1}}),
        ("SELF_TEACHER_IDENTICAL", ["jsd"], {"teaching": {"members": [{"kind": "base"}]}}),
        ("RECORDED_UNKNOWN_ROWS", ["forward-kl"], {"source": OWN, "teacher": "recorded"}),
        ("RECORDED_UNKNOWN_ROWS", ["forward-kl"], {"teaching": {"privileged": True}, "teacher": "recorded"}),
        ("CORRECT_WITHOUT_TEACHER", ["cross-entropy"], {"source": {**OWN, "correct": True}}),
        ("ROLLOUT_TOO_LONG", ["forward-kl"], {"source": {**OWN, "max_new_tokens": 512}}),
        ("ADAPTIVE_UNWATCHED", ["forward-kl"], {"source": {"kind": "mixed", "share": {"type": "adaptive"}}}),
        ("OPTION_INVALID", [{"type": "kl-estimate", "options": {"estimator": "k1"}}], {"source": OWN}),
    ],
)
def test_it_refuses(desk: Any, code: str, terms: list[Any], changes: dict[str, Any]) -> None:
    found = desk.one(desk.plan(stages=stages(desk, *terms, **changes)).refusals, code)
    assert found.field and found.message.endswith(".")


@pytest.mark.parametrize(
    ("code", "terms", "changes"),
    [
        ("K3_AS_LOSS", [{"type": "kl-estimate", "options": {"estimator": "k3"}}], {"source": OWN}),
        ("POLICY_TEMPERATURE", ["on-policy-kd"], {"source": {**OWN, "temperature": 0.7}}),
        ("BATCH_NOT_WHOLE", ["policy-gradient"], {"source": REWARDED, "batch_size": 10}),
    ],
)
def test_it_warns(desk: Any, code: str, terms: list[Any], changes: dict[str, Any]) -> None:
    plan = desk.plan(stages=stages(desk, *terms, **changes))
    desk.one(plan.warnings, code)
    assert plan.refusals == []


@pytest.mark.parametrize(
    ("terms", "changes"),
    [
        (["policy-gradient", "kl-estimate"], {"source": REWARDED}),
        (["jsd"], {"source": OWN, "teaching": {"members": [{"kind": "base"}], "privileged": True}}),
        (["cross-entropy", "jsd"], {"teaching": {"members": [{"kind": "base"}]}}),
    ],
)
def test_it_lets_sound_stages_pass(desk: Any, terms: list[Any], changes: dict[str, Any]) -> None:
    assert desk.plan(stages=stages(desk, *terms, **changes)).refusals == []


def test_a_self_teacher_that_has_moved_may_teach(desk: Any) -> None:
    """After a first stage the base is another model than the learner."""
    second = desk.train("jsd", batch_size=8, teaching={"members": [{"kind": "base"}]})
    assert desk.plan(stages=[desk.GENERATE, desk.train("cross-entropy"), second]).refusals == []


def test_the_teacher_runs_beside_and_writing_takes_time(desk: Any) -> None:
    own = desk.plan(stages=stages(desk, "reverse-kl", source=OWN))
    fixed = desk.plan(stages=stages(desk, "reverse-kl", teacher="online"))
    assert own.recipe.stages[1].teacher == "online"
    seconds = [next(s.seconds for s in p.stages if s.kind == "train") for p in (own, fixed)]
    assert seconds[0] > 1.5 * seconds[1]


def test_rows_without_answers_serve_by_their_prompts(desk: Any) -> None:
    own = desk.plan(stages=[desk.train("reverse-kl", batch_size=8, source=OWN)])
    assert own.rows.unlabelled > 0 and own.rows.lost == 0


@pytest.mark.parametrize(
    "method",
    ["distillm", "gkd", "minillm", "on-policy-distillation", "distillspec", "opsd", "kdrl", "rlad", "mgsr"],
)
def test_every_system_that_writes_compiles_as_it_stands(desk: Any, method: str) -> None:
    plan = desk.plan(asked=desk.recipe(method=method, train={}))
    assert plan.refusals == []
    stage = next(s for s in plan.recipe.stages if s.kind == "train")
    assert stage.source.kind in ("student", "mixed") and stage.teacher == "online"
