"""Lists whose order says nothing."""

from __future__ import annotations

import pytest

from jobs.distill.verifiers.sets import SetMatch, things_of

from .rows import check, oks, reason, row


@pytest.mark.parametrize(
    ("answer", "gold", "options", "ok"),
    [
        ("b, a", "a, b", {}, True),
        ("- B\n- a", "a, b", {}, True),
        ('["b", "a"]', "a; b", {}, True),
        ("a, a, b", "a, b", {}, True),
        ("a, a, b", "a, b", {"repeats": True}, False),
        ("a", "a, b", {}, False),
        ("a", "a, b", {"least": 0.6}, True),
        ("a, c", "a, b", {"least": 0.6}, False),
        ("[]", "[]", {}, True),
        ("Labels\nAnswer: b, a", "a, b", {"take": "marker"}, True),
        ("none", "a", {"take": "marker"}, False),
    ],
)
def test_the_same_things_in_any_order(answer: str, gold: str, options: dict[str, object], ok: bool) -> None:
    assert oks(SetMatch, [row(answer, gold=gold)], **options) == [ok]


def test_the_score_is_f1_and_the_reason_names_what_differs() -> None:
    (verdict,) = check(SetMatch, [row("a, c", gold="a, b")])
    assert verdict.score == pytest.approx(0.5)
    assert reason(SetMatch, row("a, c", gold="a, b")) == "1 missing, first “b”; 1 too many, first “c” (F1 0.50)"


@pytest.mark.parametrize(
    ("text", "split", "things"),
    [
        ("1. one\n2) two", "auto", ["one", "two"]),
        ("• one\n\n• two, three", "auto", ["one", "two, three"]),
        ("one, two; three", "auto", ["one, two", "three"]),
        ("one, two; three", "comma", ["one", "two; three"]),
        ('{"a": 1}', "json", []),
        ('[{"b": 1, "a": 2}]', "auto", ['{"a": 2, "b": 1}']),
        ("[not json", "auto", ["[not json"]),
        ("", "auto", []),
    ],
)
def test_things_are_told_apart(text: str, split: str, things: list[str]) -> None:
    assert things_of(text, split) == things  # type: ignore[arg-type]
