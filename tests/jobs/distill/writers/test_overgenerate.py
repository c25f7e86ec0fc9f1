from __future__ import annotations

import pytest

from jobs.distill.writers.base import Seed, Unusable
from jobs.distill.writers.overgenerate import holds, length_word
from tests.jobs.distill.writers.speaking import desk, row, write

LONG = "The storm closed three schools in the north of the county on Monday morning."
SHORT = "The storm closed three schools."
OTHER = "Two dogs ran away happily."


def judged(turn: str) -> str | None:
    """Says yes where the claim is the true summary."""
    if not turn.startswith("Text:"):
        return None
    return "Yes." if f"Claim: {SHORT}" in turn and f"Text: {LONG}" in turn else "No."


def says(*texts: str):
    left = list(texts)
    return lambda turn, question: judged(turn) or left.pop(0)


def test_only_pairs_that_follow_and_are_shorter_remain():
    (made,) = write("sentence-pairs", row("News:"), says(LONG, SHORT, OTHER), samples=3)
    assert made.messages[-1]["content"] == f"Summarize this (very short): {LONG}" and made.answer == SHORT
    assert made.fields["task"] == "summarize" and made.fields["ratio"] == round(5 / 14, 4)


def test_planted_bad_pairs_are_rejected_by_length_and_by_meaning():
    with pytest.raises(Unusable, match="no two of its 2 sentences"):
        write("sentence-pairs", row("News:"), says(LONG, LONG.replace("three", "two")), samples=2)
    with pytest.raises(Unusable, match="no sentence follows"):
        write("sentence-pairs", row("News:"), says(LONG, OTHER), samples=2)


def test_paraphrases_need_both_ways_and_other_words():
    a, b = "The cat sat on the mat today.", "A feline rested upon a rug now."
    yes = lambda turn, q: "yes" if turn.startswith("Text:") else (a if q.request.number == 0 else b)  # noqa: E731
    (made,) = write("sentence-pairs", row("x"), yes, samples=2, task="paraphrase")
    assert {made.answer, made.messages[-1]["content"].split(": ", 1)[1]} == {a, b}
    with pytest.raises(Unusable, match="no two"):
        write("sentence-pairs", row("x"), says(a, a.replace("today", "now")), samples=2, task="paraphrase")


def test_lengths_have_names():
    assert [length_word("a b c d e f g h i j", "a " * n) for n in (3, 5, 8)] == ["very short", "short", "long"]


@pytest.mark.parametrize(
    ("text", "relation", "fine"),
    [
        ("Knives can cut bread.", "can", True),
        ("Knives are able to cut.", "can|are able to", True),
        ("Knives can.", "can", False),
        ("Bread and knives can cut.", "can", False),
        ("Knives scan papers.", "can", False),
    ],
)
def test_a_constraint_holds_or_not(text: str, relation: str, fine: bool):
    assert holds(text, "knives", relation) == fine


def test_every_generation_satisfies_its_constraint():
    seed = Seed("k-0", (row("knives"),), {"relation": "can"})
    said = iter(["Knives can cut bread.", "Bread is good for you.", "Knives can cut bread!"])
    (made,) = write("generics", seed, lambda turn, q: next(said), desk("generics"))
    assert made.answer == "Knives can cut bread." and made.fields["constraint"] == ["knives", "can"]
    with pytest.raises(Unusable, match="none of 3 statements begins with 'knives'"):
        write("generics", seed, lambda turn, q: "Bread is good for you.", desk("generics"))
