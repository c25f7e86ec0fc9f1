"""Ways of answering, carried out with a scripted small model: generators that read from top to bottom need no weights."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from jobs.distill.catalog.parts.decoding import WAYS
from jobs.distill.decoding.base import Hand
from jobs.distill.decoding.look_up import FILE
from jobs.distill.decoding.paths import result_of
from jobs.distill.errors import RecipeInvalid
from jobs.distill.pipeline.using import way_of
from jobs.distill.recipe import Use
from jobs.distill.rows import Row
from tests.jobs.distill.decoding.answering import answer
from tests.jobs.distill.writers.speaking import row


def two_steps(to: str, turn: str, request: Any) -> str:
    """A decomposer that asks, and a solver that can do one step and never two."""
    if to == "stage:asks":
        return "1. How many pens are in the boxes?\n2. How many are left?"
    product = re.search(r"(\d+) boxes of (\d+)", turn)
    assert product
    a, b = map(int, product.groups())
    if turn.endswith("boxes?"):
        return str(a * b)
    known = re.search(r"A: (\d+)", turn)
    return f"{int(known[1]) - 2}\nAnswer: {int(known[1]) - 2}" if known else str(a + b)


def test_the_chain_solves_two_steps_that_one_adapter_misses():
    sums = [row(f"Ann has {n} boxes of {n + 1} pens and gives 2 away. How many are left?", str(n * (n + 1) - 2)) for n in range(3, 9)]  # fmt: skip
    found = [answer("decompose-solve", s, two_steps, decomposer="asks", solver="solves") for s in sums]
    assert [f.text for f in found] == [s.answer for s in sums]
    assert all(f.alone["solver alone"] != s.answer for f, s in zip(found, sums, strict=True))


def test_the_vote_is_at_least_as_good_as_the_best_path():
    """Reasons and programs are wrong on different questions; each is sampled three times, wrong once at least."""

    def says(to: str, turn: str, request: Any) -> str:
        n = int(turn.rsplit(" ", 1)[1])
        chain, right = turn.startswith("[chain]"), 2 * n
        miss = (n % 3 == 0 and request.number != 1) if chain else (n % 3 == 1 and request.number != 1)
        said = right + 1 + request.number if miss else right
        return f"I think.\nAnswer: {said}" if chain else f"```python\nprint({said})\n```"

    rows = [row(f"twice {n}", str(2 * n)) for n in range(12)]
    found = [answer("vote", r, says, chains=3, programs=3) for r in rows]
    score = {
        name: sum(f.alone[name] == r.answer for f, r in zip(found, rows, strict=True))
        for name in ("reasons", "programs")
    }
    together = sum(f.text == r.answer for f, r in zip(found, rows, strict=True))
    assert together >= max(score.values()) and together == 12 and min(score.values()) < 12


def test_drafts_put_together_beat_a_single_draft():
    def says(to: str, turn: str, request: Any) -> str:
        if to == "base":
            return str(int(turn) * 2 + (request.number == int(turn) % 3))
        drafts = re.findall(r"Draft \d+:\n(\d+)", turn)
        return max(drafts, key=drafts.count)

    rows = [row(str(n), str(2 * n)) for n in range(9)]
    found = [answer("propose-aggregate", r, says, drafts=3) for r in rows]
    assert all(f.text == r.answer for f, r in zip(found, rows, strict=True))
    assert sum(f.alone["one draft"] == r.answer for f, r in zip(found, rows, strict=True)) < 9


def test_a_corrector_mends_and_is_told_what_is_missing():
    asked = []

    def says(to: str, turn: str, request: Any) -> str:
        asked.append((to, turn))
        return "The dog runs." if to == "base" else "The dog has a ball."

    found = answer("generate-correct", row('Use "dog" and "ball".'), says, feedback=True, rounds=3)
    assert found.text == "The dog has a ball." and found.alone == {"generator alone": "The dog runs."}
    assert [to for to, _ in asked] == ["base", "student"] and "missing: ball" in asked[1][1]


def entry(question: str, text: str) -> Row:
    return row(question, None, row_id=text, entry=text)


def test_the_nearest_entries_stand_before_the_question_and_rare_facts_are_known():
    library = {"what was missing 1": [entry("melting point of gallium?", "Gallium melts at 29.8 °C."), entry("capital of Nauru?", "Nauru has no capital.")]}  # fmt: skip
    hand = Hand(64, made=library)

    def says(to: str, turn: str, request: Any) -> str:
        found = re.search(r"- (?:Gallium melts at|Nauru has) (.+)\.", turn)
        return found[1] if found else "I do not know"

    facts = [
        row("What is the melting point of gallium?", "29.8 °C"),
        row("What is the capital of Nauru?", "no capital"),
    ]
    found = [answer("look-up", f, says, hand, entries=1, stages=["what was missing"]) for f in facts]
    assert [f.text for f in found] == ["29.8 °C", "no capital"]
    assert {f.alone["without entries"] for f in found} == {"I do not know"}


def test_the_library_is_a_file_that_people_can_edit():
    hand = Hand(64, made={"strategies": [entry("refund?", "Say sorry first."), entry("refund?", "Say sorry first.")]})
    part = WAYS["look-up"]()
    file = json.loads(part.files(part.Options(), hand)[FILE])
    assert file["entries"] == [{"when": "refund?", "entry": "Say sorry first."}] and "ENTRY" in file["form"]


def test_calls_are_carried_out_and_precision_is_of_rows_that_needed_them():
    call = '<tool_call>{"name": "calculator", "arguments": {"expression": "17 * 23"}}</tool_call>'

    def says(to: str, turn: str, request: Any) -> str:
        tools = any(m["role"] == "system" for m in request.messages)
        if "tool_response" in turn:
            return "Answer: " + re.findall(r"\d+", turn)[0]
        return call if tools else "390"

    hard = answer("with-tools", row("What is 17 * 23?", "391"), says)
    assert hard.text == "391" and hard.facts == {"calls": 1.0, "rows with a call": 1.0, "tool precision": 1.0}
    easy = answer("with-tools", row("What is 17 * 23?", "390"), says)
    assert easy.facts["tool precision"] == 0.0


@pytest.mark.parametrize(
    ("said", "text"), [("```python\nprint(2 * 3)\n```", "6"), ("print('x')", ""), ("", ""), ("import os", "")]
)
def test_programs_are_computed_or_count_as_nothing(said: str, text: str):
    assert result_of(said) == text
    assert answer("one-path", row("q"), lambda *a: said, read="program").text == text


def test_a_table_is_read_as_in_training():
    asked = []
    found = answer("one-path", row("a,b\n1,2"), lambda to, turn, r: asked.append(turn) or "r\nDescription: b is 2", read="after", table=True)  # fmt: skip
    assert asked == ["<T> <H> <C> a <C> b <R> <C> 1 <C> 2"] or asked[0].startswith("<T>")
    assert found.text == "b is 2"


@pytest.mark.parametrize(
    ("stage", "why"),
    [({"how": "magic"}, "no way of answering"), ({"how": "vote", "options": {"chains": 99}}, "options.chains")],
)
def test_unknown_ways_and_options_are_refused_by_name(stage: dict[str, Any], why: str):
    with pytest.raises(RecipeInvalid, match=why):
        way_of(Use(**stage), "stages.3")
