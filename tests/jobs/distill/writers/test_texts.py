from __future__ import annotations

import pytest

from jobs.distill.writers.base import Unusable
from jobs.distill.writers.texts import STRING, many, missing, names, read, record, sentences, stripped


def test_it_reads_json_out_of_a_fence_and_says_what_is_wrong() -> None:
    schema = record(items=many(STRING))
    assert read('Here:\n```json\n{"items": ["a"]}\n```', schema) == {"items": ["a"]}
    for text, why in (("no", "not JSON"), ('{"items": []}', "0 items"), ('{"items": ["a"], "b": 1}', "'b'")):
        with pytest.raises(Unusable, match=why):
            read(text, schema)


def test_it_names_numbers_and_large_words_within_sentences() -> None:
    assert names("The drug Aspirin was made in 1897. Felix Hoffmann made it.\nIt costs 2.50 euros.") == [
        "Aspirin",
        "1897",
        "Hoffmann",
        "2.50",
    ]


def test_it_finds_what_a_text_does_not_mention_whatever_the_case() -> None:
    assert missing(["New  York", "Rome"], "in new\nyork") == ["Rome"]


def test_it_takes_sentences_apart_and_quotes_away() -> None:
    assert sentences("One. Two!\nThree? 3.5 is a number.") == ["One.", "Two!", "Three?", "3.5 is a number."]
    assert stripped('"a"') == "a" and stripped("```\nx\n```") == "x" and stripped('say "a"') == 'say "a"'
