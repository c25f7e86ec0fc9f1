"""Labels of a set, required words, every fact, and nothing that the source has not."""

from __future__ import annotations

import pytest

from jobs.distill.errors import DataRefused
from jobs.distill.verifiers.wording import Contains, EveryFact, Grounded, LabelInSet

from .rows import check, oks, reason, row


def test_labels_are_those_given_or_those_of_the_data() -> None:
    rows = [row("Card arrival."), row("card arival"), row("something else"), row("I say:\nAnswer: lost card")]
    assert oks(LabelInSet, rows, labels=["card arrival", "lost card"]) == [True, False, False, False]
    assert oks(LabelInSet, rows, labels=["card arrival", "lost card"], take="auto") == [True, False, False, True]
    assert oks(LabelInSet, [row("b", gold="a"), row("c", gold="b")]) == [True, False]
    assert oks(LabelInSet, [row("x")], [row("", gold="x")]) == [True]
    assert check(LabelInSet, rows[:1], labels=["card arrival"])[0].reason == "card arrival"
    assert reason(LabelInSet, rows[1], labels=["card arrival"]) == "“card arival” is none of the 1 labels; the nearest is “card arrival”"  # fmt: skip
    with pytest.raises(DataRefused, match="No labels"):
        oks(LabelInSet, rows)


@pytest.mark.parametrize(
    ("answer", "options", "ok"),
    [
        ("The cat sat.", {"required": ["cat", "SAT"]}, True),
        ("The category", {"required": ["cat"]}, False),
        ("black cat", {"required": ["cat black"]}, False),
        ("a cat", {"required": ["cat", "dog"], "least": 0.5}, True),
        ("As an AI model, I", {"forbidden": ["as an ai model"]}, False),
        ("fine", {"forbidden": ["as an ai model", "!"]}, True),
        ("one two", {"field": "keywords"}, True),
        ("one", {"field": "keywords"}, False),
        ("", {}, True),
    ],
)
def test_required_and_forbidden_words(answer: str, options: dict[str, object], ok: bool) -> None:
    assert oks(Contains, [row(answer, keywords=["one", "two"])], **options) == [ok]


FACTS = ["Ada Lovelace was born in 1815", "She worked with Charles Babbage"]


@pytest.mark.parametrize(
    ("answer", "options", "words"),
    [
        ("Ada Lovelace, born 1815, worked together with Charles Babbage.", {}, None),
        ("Ada Lovelace was born in 1815.", {}, "1 of 2 facts are not named, first “She worked with Charles Babbage”"),
        ("Ada Lovelace was born in 1815.", {"least": 0.5}, None),
        ("As [2] and [1] say.", {"by": "marks"}, None),
        ("As [1] says.", {"by": "marks"}, "1 of 2 facts"),
        ("As [1], [2] and [3] say.", {"by": "marks"}, "cites [3], and there are 2 facts"),
        ("x", {"field": "other"}, "'other' lists no facts"),
    ],
)
def test_every_fact_is_used(answer: str, options: dict[str, object], words: str | None) -> None:
    if words is None:
        assert oks(EveryFact, [row(answer, facts=FACTS)], **options) == [True]
    else:
        assert words in reason(EveryFact, row(answer, facts=FACTS), **options)


@pytest.mark.parametrize(
    ("answer", "options", "words"),
    [
        ("5 and 1,000", {}, None),
        ("5 and 1001", {}, "1 of 2 numbers do not stand in the source, first “1001”"),
        ("no numbers", {}, None),
        ('["Aspirin", "five pills"]', {"kind": "items"}, None),
        ('["Aspirin", "Ibuprofen"]', {"kind": "items"}, "first “Ibuprofen”"),
        ("takes aspirin", {"kind": "words"}, None),
        ("takes ibuprofen", {"kind": "words"}, "first “ibuprofen”"),
        ("takes ibuprofen", {"kind": "words", "least": 0.5}, None),
        ("7", {"source": "notes"}, None),
        ("7", {"source": "missing"}, "no source text in missing"),
    ],
)
def test_nothing_stands_there_that_the_source_has_not(answer: str, options: dict[str, object], words: str | None) -> None:  # fmt: skip
    one = row(answer, question="She takes five pills of aspirin: 5 of 1000.", notes=["7 days"])
    if words is None:
        assert oks(Grounded, [one], **options) == [True]
    else:
        assert words in reason(Grounded, one, **options)
