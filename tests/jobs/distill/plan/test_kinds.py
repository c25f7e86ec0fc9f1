"""Encoder-decoders in the plan: from whom they learn, what they cannot learn, what they need."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.distill.plan.facts import LinearFacts, ModelFacts
from jobs.distill.plan.memory import activation_bytes
from jobs.distill.plan.pairing import pairing
from jobs.distill.plan.time import forward_flops

LINEARS = [LinearFacts(name=n, inputs=128, outputs=128, count=9) for n in ("q", "k", "v", "o")]


def two_parts(desk: Any, name: str = "student", **changes: Any) -> ModelFacts:
    """A T5 of three and three layers with the desk's tokenizer."""
    kind = {
        "kind": "encoder-decoder", "encoder_layers": 3, "model_type": "t5", "architecture": "T5ForConditionalGeneration",
        "linears": LINEARS, "template_sha256": None,
    }  # fmt: skip
    return desk.model(name, **(kind | changes))


def test_it_learns_from_the_text_of_any_teacher(desk: Any, plan: Any) -> None:
    found = plan(student=two_parts(desk), method="seqkd")
    assert found.ok and "KIND_DIFFERENT" not in desk.codes(found.warnings)
    other = plan(
        student=two_parts(desk), teacher=desk.model("teacher", 256, 4, vocab_sha256=desk.OTHER), method="seqkd"
    )
    assert other.ok


def test_a_teacher_of_the_other_kind_lends_no_probabilities(desk: Any, plan: Any) -> None:
    found = plan(student=two_parts(desk))
    problem = desk.one(found.refusals, "KIND_DIFFERENT")
    assert problem.field == "teacher.model" and problem.fix.value == "seqkd"
    assert "Forward KL" in problem.message and "Choose an encoder-decoder as teacher" in problem.message
    other_way = plan(teacher=two_parts(desk, "teacher"))
    assert "the student is a causal model" in desk.one(other_way.refusals, "KIND_DIFFERENT").message


def test_a_teacher_of_its_own_kind_teaches_by_probabilities(desk: Any, plan: Any) -> None:
    assert plan(student=two_parts(desk), teacher=two_parts(desk, "teacher", sha256="2" * 64, parameters=10**7)).ok
    different = two_parts(desk, "teacher", sha256="2" * 64, vocab_sha256=desk.OTHER)
    assert desk.codes(plan(student=two_parts(desk), teacher=different).refusals) == ["VOCABULARY_DIFFERENT"]


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"student": {"shape": {"kind": "truncate", "layers": 2}}}, "SHAPE_KIND", "student.shape"),
        ({"adapter": {"type": "clover"}}, "ADAPTER_KIND", "student.adapter.type"),
        ({"adapter": {"noise": {"kind": "uniform", "alpha": 5}}}, "NOISE_KIND", "student.adapter.noise"),
        ({"adapter": {"pruned": 0.3}}, "PRUNED_KIND", "student.adapter.pruned"),
        ({"adapter": {"start": "eva"}}, "START_KIND", "student.adapter.start"),
        ({"stage": {"supervise": "chunks"}}, "SUPERVISE_KIND", "stages.0.supervise"),
        ({"stage": {"supervise": "all"}}, "SUPERVISE_KIND", "stages.0.supervise"),
        ({"stage": {"source": {"kind": "student", "correct": True}}}, "CORRECT_KIND", "stages.0.source.correct"),
        ({"stage": {"terms": [{"type": "hidden"}, {"type": "cross-entropy"}]}}, "TERM_KIND", "stages.0.terms.0.type"),
        ({"select": {"method": "perplexity", "text": "all"}}, "SELECT_KIND", "stages.0.text"),
    ],
)
def test_what_is_made_for_one_line_of_tokens_is_refused_by_field(
    desk: Any, plan: Any, changes: dict, code: str, field: str
) -> None:
    student = {"model": "student", **changes.get("student", {})}
    if "adapter" in changes:
        student["adapter"] = changes["adapter"]
    stage = desk.train("cross-entropy", **changes.get("stage", {}))
    select = [{"kind": "select", **changes["select"]}] if "select" in changes else []
    teacher = two_parts(desk, "teacher", sha256="2" * 64, parameters=10**7)
    asked = desk.recipe(stages=[*select, stage], student=student)
    found = plan(student=two_parts(desk), teacher=teacher, asked=asked)
    assert desk.one(found.refusals, code).field == field
    causal = plan(asked=asked)
    assert code not in desk.codes(causal.refusals), "a causal student is not told so"


def test_prompt_and_answer_have_a_limit_each(desk: Any, plan: Any) -> None:
    """Prompts of 400 and answers of 300 tokens: too long together for 512, not apart."""
    long = desk.data(unlabelled=0, prompt=400, answer=300)
    assert plan(rows=long, method="sft").rows.labelled == 0
    assert plan(student=two_parts(desk), rows=long, method="sft").rows.labelled == 1000
    longer = desk.data(unlabelled=0, prompt=400, answer=513)
    assert plan(student=two_parts(desk), rows=longer, method="sft").rows.labelled == 0


def test_a_token_passes_one_of_the_two_stacks(desk: Any) -> None:
    """Six layers in two stacks cost what three layers cost."""
    both = two_parts(desk)
    one = both.model_copy(
        update={"kind": "causal", "encoder_layers": 0, "linears": [m.model_copy(update={"count": 4}) for m in LINEARS]}
    )
    assert forward_flops(both, 100, 0) == pytest.approx(forward_flops(one, 100, 0) * 9 / 8)
    assert activation_bytes(both, 4, 8) < 1.2 * activation_bytes(one, 4, 8)


def test_the_verdict_says_encoder_decoder_and_what_remains(desk: Any) -> None:
    found = pairing(two_parts(desk), desk.model("teacher", 256, 4))
    line = next(i for i in found.items if i.topic == "architecture")
    assert line.state == "warning" and "encoder-decoder" in line.text and "text remain" in line.text
    assert not found.same_kind and "learn from the teacher's text" in found.headline
    alike = pairing(two_parts(desk), two_parts(desk, "teacher", parameters=10**7))
    assert alike.same_kind and "encoder-decoders" in next(i for i in alike.items if i.topic == "architecture").text
