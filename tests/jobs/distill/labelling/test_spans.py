"""Spans of a teacher's JSON land on the right characters and tokens, all of them, or are listed with the reason."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.distill.labelling.spans import Mention, Span, as_answer, bio, kept, place, spans_of_tags, spans_of_text

TEXT = "Ada met Paris in Paris"


@pytest.mark.parametrize(
    "answer",
    [
        '[{"type": "place", "text": "Paris"}]',
        '```json\n[{"type": "place", "text": "Paris"}]\n```',
        '{"entities": [{"label": "place", "span": "Paris"}]}',
        '{"place": ["Paris"]}',
        '[{"entity": "place", "value": "Paris"}]',
    ],
)
def test_usual_forms_of_an_answer_are_read(answer):
    assert spans_of_text(answer) == [Mention("place", "Paris")]


@pytest.mark.parametrize("answer", ["Paris", "[1]", '{"place": 3}', '[{"type": "place"}]', "[", '"x"', "null"])
def test_what_is_no_list_of_spans_is_none(answer):
    assert spans_of_text(answer) is None


def test_equal_mentions_are_found_from_left_to_right():
    found = place([Mention("person", "Paris"), Mention("place", "Paris")], TEXT)
    assert found.spans == (Span(8, 13, "person"), Span(17, 22, "place")) and found.lost == ()


def test_a_mention_out_of_order_is_found_before_the_cursor():
    found = place([Mention("place", "Paris"), Mention("person", "Ada")], TEXT)
    assert Span(0, 3, "person") in found.spans


@pytest.mark.parametrize(
    ("mention", "why"),
    [
        (Mention("place", "Rome"), "does not contain"),
        (Mention("place", ""), "no text"),
        (Mention("place", "Rome", 0, 4), "are 'Ada ', not 'Rome'"),
        (Mention("place", None, 20, 40), "outside the text of 22"),
        (Mention("animal", "Ada"), "none of the kinds"),
    ],
)
def test_what_cannot_be_placed_says_why(mention, why):
    found = place([mention], TEXT, ["place", "person"])
    assert found.spans == () and why in found.lost[0][1]


def test_spans_over_each_other_are_lost_but_the_first():
    found = place([Mention("a", None, 0, 7), Mention("b", None, 4, 13)], TEXT)
    assert found.spans == (Span(0, 7, "a"),) and "overlap" in found.lost[0][1]


OFFSETS = [
    (0, 0),
    (0, 3),
    (3, 7),
    (7, 13),
    (13, 16),
    (16, 22),
    (0, 0),
]  # " met", " Paris": the space belongs to the token


def test_tags_mark_the_first_token_and_those_after_it():
    assert bio([Span(0, 7, "x"), Span(17, 22, "y")], OFFSETS, TEXT) == [None, "B-x", "I-x", "O", "O", "B-y", None]


def test_an_inside_tag_without_a_beginning_begins_a_span():
    assert spans_of_tags([None, "I-x", "I-x", "I-y", "O", "B-y", None], OFFSETS, TEXT) == [
        Span(0, 7, "x"), Span(8, 13, "y"), Span(17, 22, "y"),
    ]  # fmt: skip


def test_a_span_inside_a_token_cannot_be_tagged():
    good, bad = kept([Span(0, 3, "x"), Span(9, 13, "y")], OFFSETS, TEXT)
    assert good == [Span(0, 3, "x")] and bad == [Span(9, 13, "y")]


@given(
    st.lists(
        st.tuples(st.text("abc", min_size=1, max_size=4), st.sampled_from(["", "x", "y"])), min_size=1, max_size=12
    )
)
def test_spans_come_back_from_their_tags(words):
    """Whatever words are spans: characters to tags to characters changes nothing."""
    text = " ".join(w for w, _ in words)
    offsets, spans, at = [], [], 0
    for word, kind in words:
        offsets.append((at, at + len(word)))
        if kind:
            spans.append(Span(at, at + len(word), kind))
        at += len(word) + 1
    assert spans_of_tags(bio(spans, offsets, text), offsets, text) == spans
    assert place(spans_of_text(as_answer(spans, text)) or [], text).lost == ()
    assert [m["type"] for m in json.loads(as_answer(spans, text))] == [s.kind for s in spans]
