from __future__ import annotations

import json

import pytest

from jobs.distill.writers.packing import chunks_of
from tests.jobs.distill.writers.saying import every, row

ROWS = [row(f"Town {n} lies on river {n}. " + " ".join(f"w{n}x{k}" for k in range(30))) for n in range(30)]


def says(asked: str) -> str:
    town = asked.split()[1]
    return json.dumps({"question": f"Which river has town {town}?", "answer": f"river {town}"})


@pytest.mark.parametrize("around", ["similar", "random"])
def test_rows_reach_their_length_and_the_place_of_the_answer_is_even(around: str) -> None:
    made, reasons = every("long-context", ROWS, says, number=400, length=300, chunk=50, around=around)
    assert len(made) == 400 and not reasons
    for m in made:
        text = m.messages[-1]["content"]
        assert 300 <= m.fields["words"] < 300 + 2 * 50
        assert text.count(f"lies on {m.answer}.") == 1
    assert {m.fields["around"] for m in made} == {8}
    counts = [sum(m.fields["before"] == k for m in made) for k in range(9)]
    assert all(22 <= n <= 67 for n in counts), counts  # 400 / 9, four deviations
    assert all(abs(m.fields["position"] - m.fields["before"] / 8) < 0.03 for m in made)


def test_a_needle_needs_no_model() -> None:
    made, _ = every("long-context", ROWS, lambda q: 1 / 0, number=5, length=200, task="needle")
    for m in made:
        assert m.messages[-1]["content"].count(str(m.answer)) == 2 and m.messages[-1]["content"].endswith(
            "What is the pass key?"
        )


def test_too_few_documents_are_said_and_no_word_is_lost_by_cutting() -> None:
    assert "wanted" in every("long-context", ROWS[:2], says, number=1, length=500)[1][0]
    text = "a b c\n\nd e\n\n" + " ".join("fghijklm")
    chunks = chunks_of([row(text)], 4)
    assert " ".join(c.text for c in chunks).split() == text.split() and max(c.words for c in chunks) <= 4
