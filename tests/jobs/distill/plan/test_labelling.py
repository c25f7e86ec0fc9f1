"""What a student with a label head may learn from: every refusal names the field and the way out."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.distill import recipe as recipes
from jobs.distill.catalog import PARTS

CE = {"kind": "train", "name": "train", "terms": [{"type": "cross-entropy"}], "steps": 100, "batch_size": 16}
KL = {**CE, "terms": [{"type": "forward-kl", "temperature": 2.0, "t_squared": True}]}


def labeller(desk: Any, *stages: dict[str, Any], kind: str = "causal", task: str = "classify", **more: Any) -> Any:
    asked = {"model": "student", "task": task, **more.pop("student", {})}
    facts = desk.model("student", kind=kind, **more.pop("facts", {}))
    around = {name: more.pop(name) for name in ("teacher", "rows") if name in more}
    plain = desk.recipe(method="sft", **more).model_dump(exclude_defaults=True)
    plain = {n: v for n, v in plain.items() if n not in ("method", "train")} | {
        "stages": list(stages) or [CE],
        "student": asked,
    }
    return desk.plan(student=facts, asked=recipes.parse(plain), **around)


@pytest.mark.parametrize("kind", ["causal", "encoder"])
def test_labels_and_soft_labels_are_planned(desk: Any, kind: str) -> None:
    found = labeller(desk, CE, KL, kind=kind, facts={"eos_ids": []} if kind == "encoder" else {})
    assert found.refusals == [] and [s.kind for s in found.stages].count("train") == 2


def test_an_encoder_is_a_classifier_without_being_asked(desk: Any) -> None:
    assert labeller(desk, kind="encoder", task="auto", facts={"eos_ids": []}).refusals == []


def test_an_encoder_cannot_write(desk: Any) -> None:
    problem = desk.one(labeller(desk, kind="encoder", task="generate").refusals, "STUDENT_CANNOT_WRITE")
    assert problem.field == "student.task" and problem.fix.value == "classify"


def test_an_encoder_decoder_has_no_label_head(desk: Any) -> None:
    assert desk.one(labeller(desk, kind="encoder-decoder").refusals, "STUDENT_HAS_NO_HEAD").fix.value == "generate"


def test_soft_labels_make_unlabelled_rows_useful(desk: Any) -> None:
    assert labeller(desk, CE).rows.unlabelled == 0 < labeller(desk, KL).rows.unlabelled


def test_a_teacher_of_other_tokens_gives_soft_labels(desk: Any) -> None:
    found = labeller(desk, KL, teacher=desk.model("teacher", 256, 4, vocab_sha256="b" * 64))
    assert found.refusals == []


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"terms": [{"type": "dpo"}]}, "TERM_NEEDS_WRITER", "stages.0.terms.0.type"),
        ({"terms": [{"type": "hidden-states"}]}, "TERM_NEEDS_WRITER", "stages.0.terms.0.type"),
        ({"source": {"kind": "student"}}, "STAGE_NEEDS_WRITER", "stages.0.source.kind"),
        ({"supervise": "reasoned"}, "STAGE_NEEDS_WRITER", "stages.0.supervise"),
        ({"order": "easy_first"}, "STAGE_NEEDS_WRITER", "stages.0.order"),
    ],
)
def test_what_only_writers_do_is_refused_with_its_field(
    desk: Any, change: dict[str, Any], code: str, field: str
) -> None:
    if (terms := change.get("terms")) and terms[0]["type"] not in PARTS:
        terms[0]["type"] = next(name for name, part in PARTS.items() if part.scope == "states")
    found = [p for p in labeller(desk, {**CE, **change}).refusals if p.code == code]
    assert [p.field for p in found] == [field] and found[0].fix is not None


def test_a_method_for_writers_offers_plain_labels(desk: Any) -> None:
    assert desk.plan(method="gkd").refusals == []  # for a writer
    asked = desk.recipe(method="gkd").model_dump(exclude_defaults=True)
    asked["student"] = {"model": "student", "task": "classify"}
    refused = desk.plan(asked=recipes.parse(asked)).refusals
    assert refused and all(p.field == "method" and p.fix.value == "sft" for p in refused)


@pytest.mark.parametrize("field", ["head", "noise", "pruned", "start"])
def test_what_an_adapter_of_a_writer_has_is_refused(desk: Any, field: str) -> None:
    value = {"head": True, "noise": {"kind": "uniform"}, "pruned": 0.5, "start": "eva"}[field]
    found = labeller(desk, student={"adapter": {field: value}})
    assert desk.one(found.refusals, "ADAPTER_NEEDS_WRITER").field == f"student.adapter.{field}"


def test_columns_and_the_policy_do_not_teach_writers(desk: Any) -> None:
    stage = {**KL, "teaching": {"members": [{"kind": "column", "name": "gpt"}], "combine": "reinforced"}}
    codes = desk.codes(labeller(desk, stage, task="generate").refusals)
    assert "COLUMN_TEACHER" in codes and "REINFORCED_TEACHERS" in codes
    assert labeller(desk, stage).refusals == []


def test_answers_that_are_texts_are_said(desk: Any) -> None:
    found = labeller(desk, rows=desk.data(distinct_answers=1400))
    assert desk.one(found.warnings, "LABELS_MANY").fix.value == "generate"


def test_other_metrics_are_refused(desk: Any) -> None:
    assert (
        desk.one(labeller(desk, evaluation={"metric": "rouge_l"}).refusals, "METRIC_NEEDS_WRITER").field
        == "evaluation.metric"
    )
