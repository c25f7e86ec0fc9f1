"""Languages: told by script and little words, never guessed."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from jobs.distill.verifiers.languages import Language, known

from .rows import oks, reason, row

GERMAN = "Das ist nicht der Weg, den ich mit dir gehen werde."
ENGLISH = "This is not the way that I will go with you."


def test_answers_in_another_language_are_dropped() -> None:
    rows = [row(GERMAN), row(ENGLISH), row("これは日本語です"), row("42")]
    assert oks(Language, rows, languages=["German", "Japanese"]) == [True, False, True, True]
    assert oks(Language, rows, languages=["German"], unsure=False) == [True, False, False, False]
    assert reason(Language, row(ENGLISH), languages=["German", "Dutch"]) == "is in English, German or Dutch is wanted"


def test_without_a_list_it_is_the_language_of_the_question() -> None:
    assert oks(Language, [row(ENGLISH, question=GERMAN), row(GERMAN, question=GERMAN), row(GERMAN, question="17?")]) == [False, True, True]  # fmt: skip
    assert oks(Language, [row(GERMAN, question="17?")], unsure=False) == [False]


def test_a_language_that_cannot_be_told_is_refused_with_those_that_can() -> None:
    with pytest.raises(ValidationError, match="'Klingon' cannot be told; .*German"):
        Language.Options(languages=["Klingon"])
    assert len(known()) > 40
