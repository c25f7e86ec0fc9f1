from __future__ import annotations

from jobs.distill.writers.simplify import outside, share
from tests.jobs.distill.writers.saying import every, row

WORDS = ["the", "cat", "sat", "on", "a", "mat"]


def test_only_allowed_words_pass() -> None:
    allowed = frozenset(WORDS)
    assert share("The cat sat on 2 mats.", allowed) == 5 / 6 and outside("a vexed cat, vexed", allowed) == ["vexed"]
    made, reasons = every("simplify", [row("The feline reclined.")], lambda q: "The cat sat.", vocabulary=WORDS)
    assert made[0].answer is None and made[0].messages[-1]["content"] == "The cat sat." and not reasons
    assert made[0].fields["allowed_share"] == 1.0 and made[0].same


def test_words_outside_are_named_in_a_second_try() -> None:
    asked: list[str] = []
    _, reasons = every(
        "simplify", [row("q", "Feline.")], lambda q: asked.append(q) or "The feline sat.", vocabulary=WORDS
    )
    assert "not allowed:\nfeline" in asked[1] and reasons == [
        "66.7% of its words are allowed, 99.0% are wanted; not: feline"
    ]
    made, _ = every("simplify", [row("q", "Feline.")], lambda q: "Cat.", vocabulary=WORDS)
    assert (made[0].answer, made[0].fields["gold"], made[0].messages[-1]["content"]) == ("Cat.", "Feline.", "q")


def test_without_a_list_the_most_frequent_words_are_allowed() -> None:
    rows = [row("a b c d e f g h i j " * 3), row("rare words stand here")]
    made, reasons = every("simplify", rows, lambda q: "a j" if "a b c" in q else "rare", size=10)
    assert len(made) == 1 and len(reasons) == 1
