"""Near copies: planted ones are found, others are not, and the same texts give the same pairs."""

from __future__ import annotations

import random

import numpy as np

from jobs.distill.data.minhash import near_pairs, shingles, signature, similarity

WORDS = [a + b for a in ("ba", "ke", "li", "mo", "nu", "ra", "so", "ti") for b in ("dan", "fer", "gol", "hup", "jin")]


def text(seed: int, words: int = 30) -> str:
    rng = random.Random(seed)
    return " ".join(rng.choice(WORDS) for _ in range(words))


def test_it_estimates_the_similarity_of_the_shingles() -> None:
    for seed, changed in ((1, 2), (2, 6), (3, 15)):
        words = text(seed, 120).split()
        other = words[:-changed] + text(seed + 100, changed).split()
        a, b = " ".join(words), " ".join(other)
        estimate = float((signature(a) == signature(b)).mean())
        assert abs(estimate - similarity(shingles(a), shingles(b))) < 0.12


def test_it_finds_every_planted_near_copy_and_nothing_else() -> None:
    texts = [text(i) for i in range(400)]
    planted = [(i, 400 + i) for i in range(0, 60)]
    texts += [texts[i] + " indeed" for i, _ in planted]
    found = near_pairs(texts)
    assert [(i, j) for i, j, _ in found] == planted
    assert all(0.9 < score < 1 for _, _, score in found)


def test_copies_that_look_the_same_score_one_and_hang_on_the_first() -> None:
    assert near_pairs(["A  card", "a card", "a\u200b CARD", "else entirely"]) == [(0, 1, 1.0), (0, 2, 1.0)]


def test_it_survives_empty_short_and_broken_texts() -> None:
    assert near_pairs([]) == [] and near_pairs(["x"]) == []
    assert near_pairs(["", "hi", " ", "ho", "\ud800 half a character"]) == [(0, 2, 1.0)]


def test_a_large_group_hangs_together_without_a_pair_for_every_two() -> None:
    body = text(7, 60)
    texts = [f"{body} {i}" for i in range(600)]
    group = list(range(600))

    def root(i: int) -> int:
        while group[i] != i:
            i = group[i]
        return i

    pairs = near_pairs(texts)
    for i, j, _ in pairs:
        group[root(j)] = root(i)
    assert len({root(i) for i in range(600)}) == 1 and len(pairs) < 600 * 125


def test_the_same_texts_give_the_same_signature_everywhere() -> None:
    """A number written down: signatures may be stored and compared with those of another machine."""
    found = signature("When does my card arrive?")
    assert found.dtype == np.uint32 and found.shape == (125,)
    assert (signature(" when does MY card\n arrive? ") == found).all()
    assert int(found.astype(np.uint64).sum()) == 22_210_039_808
