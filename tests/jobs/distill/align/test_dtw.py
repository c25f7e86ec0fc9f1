"""Warping against every path there is; the nearest tokens against every token there is."""

from __future__ import annotations

from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.distill.align.dtw import edit_distance, one_to_one, warp
from jobs.distill.align.spelling import Spelling
from jobs.distill.align.vocabulary import Tables
from tests.jobs.distill import tiny, tiny_words

WORDS = st.lists(st.binary(max_size=3), min_size=1, max_size=5)


@settings(max_examples=60, deadline=None)
@given(a=WORDS, b=WORDS)
def test_the_path_is_as_cheap_as_the_cheapest_of_all(a, b):
    @cache
    def least(i: int, j: int) -> int:
        here = edit_distance(a[i], b[j])
        before = [(i - 1, j - 1), (i - 1, j), (i, j - 1)]
        options = [least(x, y) for x, y in before if x >= 0 and y >= 0]
        return here + (min(options) if options else 0)

    path = warp(a, b)
    assert sum(edit_distance(a[i], b[j]) for i, j in path) == least(len(a) - 1, len(b) - 1)
    assert path[0] == (0, 0) and path[-1] == (len(a) - 1, len(b) - 1)


def test_edit_distance_by_hand():
    assert edit_distance(b"kitten", b"sitting") == 3
    assert edit_distance(b"", b"abc") == 3 and edit_distance(b"abc", b"abc") == 0


def test_only_tokens_that_meet_each_other_alone_are_pairs():
    path = warp([b"car", b"d", b"lost"], [b"card", b"lost"])
    assert one_to_one(path, 3).tolist() == [-1, -1, 1]


def test_vocabularies_meet_by_bytes_then_by_edit_distance():
    mine, other = Spelling(tiny_words.bpe()), Spelling(tiny.tokenizer())
    ends = mine.tokenizer.eos_token_id, other.tokenizer.eos_token_id
    tables = Tables(mine, other, len(mine.tokenizer), 261, *ends)
    ids, partners = tables.shared
    assert len(ids) == 257 and (ends in list(zip(ids.tolist(), partners.tolist(), strict=True)))
    for s, t in zip(ids.tolist(), partners.tolist(), strict=True):
        assert mine(s) == other(t)
    back = Tables(other, mine, 261, len(mine.tokenizer), *ends[::-1])
    for id, text in mine.vocabulary.items():
        assert other(int(back.nearest[id])) == text if len(text) == 1 else other(int(back.nearest[id])) == text[:1]
    assert back.nearest[ends[0]] == ends[1]
