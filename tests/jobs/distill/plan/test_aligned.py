"""Different tokenizers are a normal case: what the compiler lets through, and what it refuses with a way out."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.distill.plan.compiler import compile

METHODS = ["alm", "uld", "hybrid-tokenizers", "mined", "dskd", "dskd-cma"]


def other(desk: Any) -> Any:
    return desk.model("teacher", 256, vocab_sha256=desk.OTHER)


@pytest.mark.parametrize("method", METHODS)
def test_methods_for_different_tokenizers_are_let_through_with_a_running_teacher(desk, method):
    plan = desk.plan(teacher=other(desk), method=method)
    assert plan.ok and plan.recipe.stages[1].teacher == "online"
    assert desk.plan(method=method).ok


def test_its_fix_leads_to_a_plan_that_works(desk):
    refused = desk.one(desk.plan(teacher=other(desk)).refusals, "VOCABULARY_DIFFERENT")
    assert desk.plan(teacher=other(desk), **{refused.fix.field: refused.fix.value}).ok


@pytest.mark.parametrize(
    ("code", "terms", "changes"),
    [
        ("READINGS_MIXED", ["alm", "forward-kl"], {}),
        ("READINGS_MIXED", ["alm", {"type": "cross-entropy", "weighting": {"type": "kl-gap"}}], {}),
        ("SIGNALS_INSUFFICIENT", ["alm"], {"teacher": "recorded"}),
        ("ALIGNED_TEACHER", ["uld", "cross-entropy"], {"teaching": {"members": [{"kind": "base"}]}}),
        ("ALIGNED_PRIVILEGED", ["uld"], {"teaching": {"privileged": True}}),
    ],
)
def test_it_refuses_with_a_fix_that_helps(desk, code, terms, changes):
    stages = [{"kind": "generate"}, desk.train(*terms, **changes)]
    found = desk.one(desk.plan(stages=stages).refusals, code)
    assert found.message.endswith(".") and found.fix is not None
    stages[1] |= _nested(found.fix.field.removeprefix("stages.1."), found.fix.value)
    assert code not in desk.codes(desk.plan(stages=stages).refusals)


def _nested(path: str, value: Any) -> dict[str, Any]:
    first, _, rest = path.partition(".")
    return {first: _nested(rest, value) if rest else value}


def test_states_of_different_tokens_are_not_compared(desk):
    """A term over inner states that knows nothing of spans is refused across tokenizers, and let through within one."""
    from jobs.distill.catalog import PARTS
    from jobs.distill.objectives.base import StatesPart

    class Inner(StatesPart):
        id, title, needs = "inner", "Inner states", frozenset({"teacher"})

    asked = desk.recipe(stages=[{"kind": "generate"}, desk.train("inner", teacher="online")])
    for teacher, refused in ((other(desk), True), (desk.model("teacher", 256), False)):
        from jobs.distill.plan.facts import Facts

        facts = Facts(student=desk.model("student"), teacher=teacher, data=desk.data())
        plan = compile(asked, facts, expand=lambda r: r, parts={**PARTS, "inner": Inner})
        assert ("POSITIONS_DIFFERENT" in desk.codes(plan.refusals)) == refused


def test_each_model_reads_its_own_template(desk):
    verdict = desk.plan(teacher=desk.model("teacher", 256, vocab_sha256=desk.OTHER, template_sha256="e" * 64)).verdict
    item = next(i for i in verdict.items if i.topic == "template")
    assert item.state == "ok" and "its own" in item.text


def test_memory_counts_the_teacher_s_own_vocabulary(desk):
    """A byte student beside a teacher of many tokens: the chunk of logits is as wide as the teacher's."""

    def chunk(words: int) -> int:
        plan = desk.plan(
            teacher=desk.model("teacher", 256, vocab_sha256=desk.OTHER, vocab_size=words),
            method="uld",
            train={"steps": 9, "micro_batch": 8},
        )
        return next(p.bytes for p in plan.memory if p.name == "head chunk")

    assert chunk(4_000_000) == chunk(2_000_000) * 2 > chunk(4096)
