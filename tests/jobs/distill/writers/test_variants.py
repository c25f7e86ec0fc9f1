from __future__ import annotations

import pytest

from jobs.distill.writers.base import Unusable
from jobs.distill.writers.variants import solved
from tests.jobs.distill.writers.speaking import row, write

HARD = row("What is 17 * 23 + 4 * 9?", "427")


def easier(turn: str, question: object) -> str:
    if "+ 4 * 9" in turn:
        return "1. What is 17 * 23? || 17 * 23\n2. What is 4 * 9? || 4 * 9\n3. What is love, really? || love"
    return "1. What is 7 * 3? || 7 * 3"


def test_the_tree_keeps_depth_parent_and_computed_answers():
    made = write("easier-variants", HARD, easier, depth=2)
    assert [(m.fields["variant"], m.fields["depth"], m.answer) for m in made] == [
        ("1", 1, "391"), ("2", 1, "36"), ("1.1", 2, "21"), ("2.1", 2, "21"),
    ]  # fmt: skip
    assert all(m.fields["gold"] == m.answer for m in made)
    assert {m.fields["easier_than"] for m in made if m.fields["depth"] == 1} == {HARD.question}


@pytest.mark.parametrize(
    "line", ["What is 3 + 4?", "What is 3 + 4? || open('x')", "What is 3 + 4? || three", "no || 1"]
)
def test_nobodys_word_is_taken_for_an_answer(line: str):
    assert solved(line) is None


def test_a_computed_answer_ignores_what_was_claimed():
    assert solved("What is 3 + 4? || 3 + 4 = 8") == ("What is 3 + 4?", "7")


def test_no_variant_is_said_in_words():
    with pytest.raises(Unusable, match="none of 1 variants"):
        write("easier-variants", HARD, lambda *a: "I cannot help.", depth=1)
