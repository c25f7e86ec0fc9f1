"""Byte offsets of every kind of tokenizer: they tile the text, whatever it contains."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.distill.align.offsets import of_ids, of_text
from jobs.distill.align.spans import groups
from jobs.distill.align.spelling import Spelling, byte_alphabet
from tests.jobs.distill import tiny, tiny_words

KINDS = {
    "bytes": tiny.tokenizer, "bpe": tiny_words.bpe, "pieces": tiny_words.pieces, "wordpiece": tiny_words.wordpiece,
}  # fmt: skip
SPELLINGS = {name: Spelling(make()) for name, make in KINDS.items()}
TEXTS = st.text(st.sampled_from(list("card lostp \n.é中😀\u200dA1")), max_size=24)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None)
@given(text=TEXTS)
def test_spans_of_a_text_touch_and_cover_every_byte_once(kind, text):
    told = of_text(SPELLINGS[kind], [text])
    spans = [s for s in told.spans if s is not None]
    assert told.text == text and len(told.ids) == len(told.spans)
    if spans:
        assert spans[0][0] == 0 and spans[-1][1] == len(text.encode())
    assert all(a[1] == b[0] for a, b in zip(spans, spans[1:], strict=False))


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None)
@given(text=TEXTS)
def test_common_spans_hold_every_token_and_every_byte_once(kind, text):
    a, b = of_text(SPELLINGS["bytes"], [text]).spans, of_text(SPELLINGS[kind], [text]).spans
    left, right = groups(a, b)
    if not b:
        return
    assert [i for g in left for i in g] == list(range(len(a)))
    assert [i for g in right for i in g] == list(range(len(b)))
    for mine, other in zip(left, right, strict=True):
        assert (a[mine[0]][0], a[mine[-1]][1]) == (b[other[0]][0], b[other[-1]][1])


@settings(max_examples=60, deadline=None)
@given(text=TEXTS)
def test_ids_spell_their_text(text):
    for kind in ("bytes", "bpe"):
        told = of_text(SPELLINGS[kind], [text])
        spelled = of_ids(SPELLINGS[kind], told.ids)
        assert (spelled.text, spelled.spans) == (told.text, told.spans)


def test_a_character_split_over_tokens_gives_each_its_bytes():
    assert of_text(SPELLINGS["bpe"], ["é"]).spans == [(0, 1), (1, 2)]
    assert of_text(SPELLINGS["pieces"], ["a😀"]).spans[-4:] == [(1, 2), (2, 3), (3, 4), (4, 5)]


def test_bytes_that_form_no_character_become_one_in_text_and_spans():
    spelling = SPELLINGS["bytes"]
    ids = spelling.tokenizer("aé!", add_special_tokens=False)["input_ids"]
    told = of_ids(spelling, [ids[0], ids[1], ids[3]])
    assert told.text == "a\ufffd!" and told.spans == [(0, 1), (1, 4), (4, 5)]


def test_words_that_drop_white_space_own_it_again():
    spelling = SPELLINGS["wordpiece"]
    assert of_text(spelling, ["Card  lo "]).spans == [(0, 4), (4, 9)]
    assert of_ids(spelling, of_text(spelling, ["card lo"]).ids).text == "card lo"


def test_control_tokens_cover_nothing():
    spelling = SPELLINGS["bytes"]
    told = of_text(spelling, ["ab<|end|>c"])
    assert told.spans == [(0, 1), (1, 2), None, (9, 10)]
    assert of_ids(spelling, told.ids).text == "abc"


def test_the_answer_is_cut_out_of_what_the_template_writes_around_it():
    told = of_text(SPELLINGS["bpe"], [" card lost\n"])
    spans = told.within("card lost")
    assert spans is not None and spans[-1] is None and [s for s in spans if s][-1] == (4, 9)
    assert told.within("money") is None


def test_the_alphabet_of_byte_level_vocabularies_names_every_byte_once():
    alphabet = byte_alphabet()
    assert sorted(alphabet.values()) == list(range(256)) and alphabet["\u0120"] == 32 and alphabet["A"] == 65
