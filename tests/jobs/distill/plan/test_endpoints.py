"""Teachers behind an address: what cannot work is refused, what it costs is said, the rest goes on as with any teacher."""

from __future__ import annotations

import pytest

from jobs.distill import recipe as recipes
from jobs.distill.catalog import SYSTEMS
from jobs.distill.plan.compiler import compile
from jobs.distill.plan.facts import EndpointFacts, Facts
from jobs.distill.plan.result import Plan

from .conftest import DEVICE, data, model, train

PRICED = EndpointFacts(key="endpoint/big", title="Big", model="big-1", context=8192, price_in=1.0, price_out=10.0)
REF = {"model": "endpoint/big"}


def plan(there: EndpointFacts = PRICED, teacher: dict | None = None, **changes) -> Plan:
    base = {"student": {"model": "student"}, "data": {"dataset": "bank"}, "teacher": teacher or REF}
    asked = recipes.parse(base | changes)
    return compile(asked, Facts(student=model("student"), data=data(), device=DEVICE, endpoints={"teacher": there}))


def codes(problems) -> list[str]:
    return [p.code for p in problems]


def test_a_method_that_reads_weights_is_refused_with_its_field_and_a_fix() -> None:
    found = plan(method="llm-neo", train={"learning_rate": 2e-3})
    (refusal,) = [p for p in found.refusals if p.code == "TEACHER_TEXT_ONLY"]
    assert refusal.field == "method" and refusal.fix and refusal.fix.value == "seqkd"
    assert "Big is behind an address and gives text only" in refusal.message
    assert "TEACHER_MISSING" not in codes(found.refusals)


def reads_a_model(system) -> bool:
    """Whether a teacher of the recipe is read; a method may also teach itself."""
    members = [m for stage in system.flat for m in (stage.get("teaching") or {}).get("members", [{}])]
    return system.needs.teacher == "weights" and any(m.get("kind", "model") == "model" for m in members)


@pytest.mark.parametrize(
    "system", [s for s in SYSTEMS.values() if s.status == "works" and reads_a_model(s)], ids=lambda s: s.id
)
def test_every_published_method_that_needs_weights_is_refused(system) -> None:
    assert not plan(method=system.id, train={"learning_rate": 2e-3}).ok


def test_learning_from_its_text_works() -> None:
    found = plan(method="seqkd", train={"learning_rate": 2e-3})
    assert found.ok, found.refusals
    assert not any("teacher" in p.name for p in found.memory)
    (stage,) = [s for s in found.stages if s.kind == "generate"]
    assert stage.rows and "never paid twice" in stage.computes


def test_stages_that_write_are_counted_with_the_held_out_rows() -> None:
    stages = [{"kind": "write", "writer": "answers", "rows": "unlabelled", "max_new_tokens": 8}, train("cross-entropy")]
    found = plan(stages=stages)
    assert found.ok, found.refusals
    (use,) = found.endpoints
    assert use.questions == 2000 + 500 and use.currency == "USD"
    assert use.price == pytest.approx((use.read_tokens * 1.0 + use.written_tokens * 10.0) / 1e6, rel=0.01)


@pytest.mark.parametrize(
    ("stages", "field"),
    [
        ([train("forward-kl")], "stages.0.teaching.members"),
        ([{"kind": "record"}, train("cross-entropy")], "stages.0.kind"),
        ([{"kind": "generate", "candidates": 4}, train("cross-entropy")], "stages.0.candidates"),
        ([train("cross-entropy", learner="teacher")], "stages.0.learner"),
        ([train("cross-entropy", source={"kind": "student", "correct": True})], "stages.0.teaching.members"),
        ([train("dpo", source={"kind": "pairs", "pairs": "density_ratio"})], "stages.0.teaching.members"),
    ],
    ids=["divergence", "record", "beams", "learner", "correct", "density"],
)
def test_each_use_of_weights_is_refused_at_its_field(stages, field) -> None:
    found = [p for p in plan(stages=stages).refusals if p.code == "TEACHER_TEXT_ONLY"]
    assert field in [p.field for p in found]


def test_a_further_teacher_behind_an_address_is_judged_too() -> None:
    asked = recipes.parse({
        "teacher": {"model": "teacher"}, "teachers": [{"id": "judge", "model": "endpoint/big"}], "student": {"model": "student"},
        "data": {"dataset": "bank"}, "stages": [train("forward-kl", teaching={"members": [{"name": "judge"}]})],
    })  # fmt: skip
    facts = Facts(
        student=model("student"),
        teacher=model("teacher", 256, 4),
        data=data(),
        device=DEVICE,
        endpoints={"judge": PRICED},
    )
    found = compile(asked, facts)
    assert "TEACHER_TEXT_ONLY" in codes(found.refusals) and "judge" in found.verdicts


def test_the_verdict_says_what_is_not_known() -> None:
    found = plan(method="seqkd", train={"learning_rate": 2e-3}).verdict
    assert found and not found.same_vocabulary and "behind an address" in found.headline
    assert {i.topic: i.state for i in found.items} == {"vocabulary": "note", "context": "ok", "licence": "note"}


@pytest.mark.parametrize(
    ("outputs", "licence", "state"),
    [("yes", None, "ok"), ("terms", None, "note"), ("limited", None, "warning"), ("no", None, "blocked"), ("unknown", "apache-2.0", "ok"), ("unknown", "llama2", "note"), ("unknown", "something else", "note")],
)  # fmt: skip
def test_the_terms_decide_the_licence_line(outputs, licence, state) -> None:
    there = PRICED.model_copy(update={"outputs": outputs, "licence": licence})
    found = plan(there, method="seqkd", train={"learning_rate": 2e-3})
    assert found.verdict and next(i.state for i in found.verdict.items if i.topic == "licence") == state
    assert ("LICENCE_FORBIDS" in codes(found.warnings)) == (state == "blocked")


def test_a_cap_below_the_estimate_is_told_and_no_cap_too() -> None:
    few = plan(teacher=REF | {"budget": {"max_price": 0.001}}, method="seqkd", train={"learning_rate": 2e-3})
    (small,) = [p for p in few.warnings if p.code == "BUDGET_SMALL"]
    assert small.field == "teacher.budget" and "0.001 USD" in small.message and few.ok
    assert "NO_BUDGET" in codes(plan(method="seqkd", train={"learning_rate": 2e-3}).warnings)
    roomy = plan(teacher=REF | {"budget": {"max_price": 100}}, method="seqkd", train={"learning_rate": 2e-3})
    assert not {"BUDGET_SMALL", "NO_BUDGET"} & set(codes(roomy.warnings)) and roomy.endpoints[0].max_price == 100


def test_a_cap_on_money_needs_prices_and_a_model_with_files_needs_no_cap() -> None:
    free = PRICED.model_copy(update={"price_in": 0.0, "price_out": 0.0})
    found = plan(free, REF | {"budget": {"max_price": 1}}, method="seqkd", train={"learning_rate": 2e-3})
    (refusal,) = [p for p in found.refusals if p.code == "BUDGET_WITHOUT_PRICES"]
    assert refusal.field == "teacher.budget.max_price" and refusal.fix
    local = recipes.parse({"teacher": {"model": "t", "budget": {"max_tokens": 5}}, "student": {"model": "s"}, "data": {"dataset": "b"}, "method": "seqkd"})  # fmt: skip
    facts = Facts(student=model("student"), teacher=model("teacher", 256, 4), data=data(), device=DEVICE)
    assert "BUDGET_UNUSED" in codes(compile(local, facts).refusals)


def test_time_is_the_slowest_of_its_limits() -> None:
    slow = PRICED.model_copy(update={"requests_per_minute": 60})
    (use,) = plan(slow, method="seqkd", train={"learning_rate": 2e-3}).endpoints
    assert use.seconds == pytest.approx(use.questions)
    slower = slow.model_copy(
        update={"tokens_per_minute": 60, "seconds": 1.0, "tokens_per_second": 10.0, "concurrency": 4}
    )
    (use,) = plan(slower, method="seqkd", train={"learning_rate": 2e-3}).endpoints
    assert use.seconds == pytest.approx(use.read_tokens + use.written_tokens, rel=0.01)
    (unknown,) = plan(method="seqkd", train={"learning_rate": 2e-3}).endpoints
    assert unknown.seconds == 0
