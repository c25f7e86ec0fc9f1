"""What holds of every verifier that needs no model, and what rows say about where they came from."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from latex2mathml.converter import convert

from jobs.distill.catalog.parts.verifiers import VERIFYING
from jobs.distill.errors import DataRefused, DistillError
from jobs.distill.programs import sandbox
from jobs.distill.verifiers.base import Verifier, by_question, parent_of, shown

from .rows import Quiet, Written, row

ASKING = {"teacher", "student", "judge", "reference"}
ALONE = [part for part in VERIFYING.values() if part.__module__.rpartition(".")[2] in {
    "agreement", "copies", "exact", "finish", "languages", "lengths", "numeric", "patterns", "programs", "sections", "sets",
    "structured", "wording",
} and not (part.id == "unit-tests" and sandbox.unavailable())]  # fmt: skip
by_id = pytest.mark.parametrize("part", ALONE, ids=lambda p: p.id)

ANSWERS = st.none() | st.text(max_size=40) | st.sampled_from(["5", "Answer: 5", "print(5)", "<<1+1=2>>", '{"a": 1}', "- a\n- b", "\x00", "\ud800"])  # fmt: skip
ROWS = st.lists(
    st.builds(
        lambda answer, question, gold, of, facts: (answer, question, {"gold": gold, "of": of, "facts": facts}),
        ANSWERS, st.text(max_size=20), st.none() | st.text(max_size=10), st.none() | st.sampled_from("pq"), st.lists(st.text(max_size=8), max_size=2),
    ),
    max_size=5,
)  # fmt: skip


def verdicts(part: type[Verifier], rows: list[Written]) -> list[Any]:
    return part().check(rows, part.Options(), Quiet(heldout=[row("1", question="held", id="h", gold="1")]))


def test_there_are_as_many_as_the_catalogue_says() -> None:
    assert len(ALONE) >= 21
    assert not any(part.needs & ASKING for part in ALONE)


@by_id
def test_each_says_what_it_is_and_every_option_has_help(part: type[Verifier]) -> None:
    assert part.title and part.summary.endswith(".") and part.when_to_use.endswith(".") and part.formula
    for name, spec in part.Options.model_json_schema().get("properties", {}).items():
        assert spec.get("title") and spec.get("description"), f"{part.id}.{name}"
    part.Options()  # usable as it stands
    assert "\\" not in convert(part.formula)


@by_id
@given(found=ROWS)
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_row_makes_one_raise_and_each_gets_a_verdict_with_its_reason(part: type[Verifier], found: list[Any]) -> None:
    rows = [row(answer, question, f"r{i}", **{k: v for k, v in fields.items() if v is not None}) for i, (answer, question, fields) in enumerate(found)]  # fmt: skip
    try:
        out = verdicts(part, rows)
    except DistillError as e:  # no row can be checked at all
        assert isinstance(e, DataRefused) and e.hint
        return
    assert len(out) == len(rows)
    assert all(v.reason for v in out if not v.ok)
    if part.id != "unit-tests":
        assert verdicts(part, rows) == out
        if not part.pooled and part.id != "label-in-set":
            try:
                assert [verdicts(part, [r])[0] for r in rows] == out
            except DataRefused:
                assert "gold" in part.needs or part.id == "program"


def test_candidates_of_one_question_belong_together_in_their_order() -> None:
    rows = [row(id="a", of="p"), row(id="b"), row(id="c", of="p"), row(id="d", lineage={"parents": []})]
    assert [parent_of(r) for r in rows] == ["p", "b", "p", "d"]
    assert [(parent, places) for (parent, _), places in by_question(rows).items()] == [
        ("p", [0, 2]),
        ("b", [1]),
        ("d", [3]),
    ]


def test_texts_are_quoted_on_one_line_and_cut() -> None:
    assert shown("a\n b") == "“a b”"
    assert shown("x" * 100) == "“" + "x" * 59 + "…”"
