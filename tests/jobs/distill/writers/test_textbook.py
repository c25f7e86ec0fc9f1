from __future__ import annotations

from collections import Counter

from tests.jobs.distill.writers.saying import every, row, seeds

ASKED = {"topics": ["gravity", "bread", "tides"], "audiences": ["a child", "a nurse"], "angles": ["a tale", "a list"]}


def test_every_combination_comes_once_and_topics_take_turns() -> None:
    drawn = [tuple(s.values.values()) for s in seeds("textbook", [], **ASKED)]
    assert len(drawn) == len(set(drawn)) == 12
    first = seeds("textbook", [], **ASKED, number=7)
    assert set(Counter(s.values["topic"] for s in first).values()) <= {2, 3}


def test_a_document_is_raw_text_or_an_answer_with_its_tags() -> None:
    made, _ = every("textbook", [], lambda q: f"On {q.split('Topic: ')[1][:4]}", **ASKED)
    assert all(m.answer is None and m.fields["synthetic"] and m.fields["audience"] in ASKED["audiences"] for m in made)
    asked, _ = every(
        "textbook", [row("yeast")], lambda q: "It grows.", audiences=["a child"], angles=["a tale"], shape="answer"
    )
    assert [(m.messages[-1]["content"], m.answer) for m in asked] == [
        ("Explain yeast to a child: a tale.", "It grows.")
    ]
