from __future__ import annotations

import pytest

from jobs.distill.writers.base import Unusable
from jobs.distill.writers.corrections import improving
from tests.jobs.distill.writers.speaking import row, script, write


def test_every_pair_improves_its_reward():
    made = write("corrections", row("3 * 4?", "12"), script("11", "12", "it is 13", "11"), samples=4)
    assert {m.fields["draft"] for m in made} == {"11", "it is 13"} and {m.answer for m in made} == {"12"}
    assert all(m.fields["rewards"]["better"] > m.fields["rewards"]["worse"] for m in made)
    assert made[0].messages[-1]["content"].startswith("3 * 4?\nDraft: ")


def test_missing_words_are_named():
    question = 'Write a sentence with "dog" and "ball".'
    (made,) = write("corrections", row(question), script("The dog runs.", "The dog has a ball."), samples=2, reward="words", feedback=True)  # fmt: skip
    assert "What is wrong: these words are missing: ball" in made.messages[-1]["content"]
    assert made.fields["rewards"] == {"worse": 0.5, "better": 1.0}


def test_the_nearest_wording_wins_among_equal_gains():
    assert improving({"a b": 0.0, "a c": 1.0, "x y": 1.0}, 0.0) == [("a b", "a c")]


def test_no_better_text_is_said():
    with pytest.raises(Unusable, match="no draft of 1 different ones"):
        write("corrections", row("q", "12"), script("12", "12"), samples=2)
