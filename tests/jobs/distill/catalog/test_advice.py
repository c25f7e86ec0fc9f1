"""Rules of the advisor: golden answers, and that every system can be recommended."""

from __future__ import annotations

import itertools
import subprocess
import sys

import pytest

from jobs.distill.catalog import SYSTEMS
from jobs.distill.catalog.advice import NEVER, QUESTIONS, RULES, Source, advise, ruled_out
from jobs.distill.errors import RecipeInvalid

NAMES = [q.id for q in QUESTIONS]


def every_case() -> list[dict[str, str]]:
    return [
        dict(zip(NAMES, c, strict=True)) for c in itertools.product(*[[a.id for a in q.answers] for q in QUESTIONS])
    ]


@pytest.mark.parametrize(
    ("answers", "first", "among"),
    [
        ("weights same thousands small classify exact", "llm-neo", {"llkd", "vocab-trim"}),
        ("weights same hundreds small classify exact", "llm-neo", {"llkd"}),
        ("weights same thousands medium extract exact", "llm-neo", {"ted", "minilm"}),
        ("weights same thousands large chat open", "gkd", {"on-policy-distillation"}),
        ("weights same thousands small chat open", "llm-neo", {"distillm-skew"}),
        ("weights same many large reason exact", "kdrl", {"rlad"}),
        ("weights same thousands large code open", "on-policy-distillation", {"gkd", "distillspec"}),
        ("weights different thousands medium write open", "alm", {"dskd"}),
        ("weights different hundreds small classify exact", "alm", {"uld", "seqkd"}),
        ("text same thousands small classify exact", "seqkd", set()),
        ("text same thousands medium reason exact", "step-by-step", {"seqkd"}),
        ("text same thousands medium chat ranked", "zephyr-ddpo", {"plad", "seqkd"}),
        ("none same hundreds small classify exact", "mft", {"sft"}),
        ("none same many large write open", "sft", {"dataset-quantization"}),
    ],
)
def test_it_gives_the_expected_answers(answers: str, first: str, among: set[str]) -> None:
    ranked = [a.id for a in advise(dict(zip(NAMES, answers.split(), strict=True)))]
    assert ranked[0] == first and among <= set(ranked[:5])


def test_it_has_an_answer_for_every_case_and_never_one_that_cannot_work() -> None:
    for answers in every_case():
        ranked = advise(answers)
        assert ranked, answers
        assert not [a.id for a in ranked if ruled_out(SYSTEMS[a.id], answers)]


def test_every_system_is_recommended_to_somebody_or_says_why_not() -> None:
    seen = {a.id for answers in every_case() for a in advise(answers)}
    works = {s.id for s in SYSTEMS.values() if s.status == "works"}
    assert works - seen == set(NEVER) and all(len(why) > 20 for why in NEVER.values())


def test_every_rule_asks_what_there_is_and_cites_a_paper() -> None:
    known = {q.id: {a.id for a in q.answers} for q in QUESTIONS}
    for rule in RULES:
        assert all(set(allowed) <= known[question] for question, allowed in rule.when.items()), rule
        assert set(rule.points) <= set(SYSTEMS) and isinstance(rule.source, Source), rule
        assert rule.source.url.startswith("https://") and rule.because.endswith("."), rule


def test_it_leaves_open_questions_open() -> None:
    assert [a.id for a in advise({"access": "text"})][:1] == ["seqkd"]
    assert advise({}) == []


@pytest.mark.parametrize("answers", [{"colour": "red"}, {"task": "win"}])
def test_it_names_what_there_is(answers: dict[str, str]) -> None:
    with pytest.raises(RecipeInvalid) as said:
        advise(answers)
    assert "One of" in (said.value.hint or "")


def test_the_command_lists_the_questions_and_ranks() -> None:
    def engine(*words: str) -> str:
        return subprocess.run(
            [sys.executable, "-m", "jobs.distill", "advise", *words], capture_output=True, text=True, check=True
        ).stdout

    assert "access=text" in engine()
    assert engine("access=text", "task=classify", "--most", "1").startswith("1. Sequence-level distillation (seqkd)")
