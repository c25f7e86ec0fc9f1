"""Which task a student has, which labels there are, and what a text answer names."""

from __future__ import annotations

import pytest

from jobs.distill.errors import PlanRefused
from jobs.distill.labelling.labels import Labels, labels_of, task_of
from jobs.distill.recipe.labelling import Labelling
from jobs.distill.rows import Row

SPANS = '[{"type": "person", "text": "Ada"}]'


def row(answer: str | None) -> Row:
    return Row(f"r-{answer}", ({"role": "user", "content": "q"},), answer, "train", 0, answer is not None)


@pytest.mark.parametrize(
    ("asked", "kind", "answers", "task"),
    [
        ("auto", "causal", ["a", "b"], "generate"),
        ("auto", "encoder-decoder", ["a", "b"], "generate"),
        ("auto", "encoder", ["a", None], "classify"),
        ("auto", "encoder", [SPANS, "[]"], "tag"),
        ("classify", "causal", ["a"], "classify"),
        ("tag", "encoder", ["a"], "tag"),
    ],
)
def test_the_task_follows_from_the_architecture_and_the_answers(asked, kind, answers, task):
    found, why = task_of(asked, kind, answers)
    assert found == task and why


@pytest.mark.parametrize(
    ("asked", "kind"), [("generate", "encoder"), ("classify", "encoder-decoder"), ("tag", "encoder-decoder")]
)
def test_what_an_architecture_cannot_do_is_refused(asked, kind):
    with pytest.raises(PlanRefused) as e:
        task_of(asked, kind, [])
    assert e.value.field == "student.task" and e.value.hint


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("top up", "top up"),
        ("Top up.", "top up"),
        (" **TOP_UP** ", "top up"),
        ("'refund'", "refund"),
        ("a refund", None),
        ("", None),
    ],
)
def test_an_answer_names_a_label_but_for_case_and_punctuation(text, name):
    labels = Labels(("refund", "top up"), "classify")
    at = labels.find(text)
    assert (None if at is None else labels.names[at]) == name


def test_labels_that_differ_in_case_alone_are_told_apart():
    labels = Labels(("It", "it"), "classify")
    assert labels.find("it") == 1 and labels.find("It") == 0 and labels.find("IT") is None


def test_the_list_is_that_of_the_rows_or_of_the_recipe():
    rows = [row("b"), row("a"), row(None)]
    assert labels_of("classify", Labelling(), rows).names == ("a", "b")
    assert labels_of("classify", Labelling(), rows, ["c"]).names == ("a", "b", "c")
    assert labels_of("classify", Labelling(labels=["b", "a", "z"]), rows).names == ("b", "a", "z")
    assert labels_of("tag", Labelling(), [row(SPANS)]).names == ("O", "B-person", "I-person")


def test_one_label_is_no_list():
    with pytest.raises(PlanRefused, match="at least 2 labels; the training rows have 1"):
        labels_of("classify", Labelling(), [row("a"), row("a")])


def test_a_label_is_listed_once():
    with pytest.raises(ValueError, match="twice"):
        Labelling(labels=["a", "a"])
