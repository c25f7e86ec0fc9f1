"""Compact places for hashes, and what is counted with them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jobs.distill.data.checks import Checks
from jobs.distill.data.rows import Row
from jobs.distill.data.split import row_id_of
from jobs.distill.data.tally import Tally


@given(st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 40).map(lambda n: n << 40), max_size=3000))
def test_it_gives_places_as_a_dict_would(keys: list[int]) -> None:
    tally, known = Tally(), dict[int, int]()
    for key in keys:
        assert tally.find(key) == known.get(key)
        assert tally.place(key) == known.setdefault(key, len(known))
    assert len(tally) == len(known)


def row(question: str, answer: str | None, line: int, split: str | None = None, **fields: str) -> Row:
    messages = [{"role": "user", "content": question}]
    return Row(row_id_of(messages, answer), messages, answer, split, line, fields=dict(fields))


def test_it_counts_copies_look_alikes_conflicts_and_overlap() -> None:
    checks = Checks()
    before = [
        checks.see(r)
        for r in (
            row("Where?", "here", 1, "train"),
            row("where?", "here", 2, "train"),
            row("Where?", "here", 3, "heldout"),
            row("Where?", "there", 4, "train"),
            row("Where?", "nowhere", 5, "train"),
            row("When?", "now", 6, "heldout"),
        )
    ]
    assert before == [0, 0, 1, 0, 0, 0]
    assert (checks.duplicates, checks.near_duplicates, checks.overlap) == (1, 4, 1)
    assert (checks.conflict_count, checks.conflicts) == (1, ["'here' and 'there', line 4"])


def test_it_finds_pairs_that_say_the_opposite_of_any_pair_before() -> None:
    checks = Checks()
    for n, (good, bad) in enumerate([("a", "b"), ("a", "c"), ("c", "a"), ("c", "a")], start=1):
        checks.see(row("Which?", good, n, chosen=good, rejected=bad))
    assert checks.contradictions == [(2, 3)]
