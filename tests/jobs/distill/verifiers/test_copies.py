"""Near copies: one stays. Rows that ask what evaluation asks: none stays."""

from __future__ import annotations

import random

from jobs.distill.verifiers.copies import Contamination, NearDuplicates

from .rows import Quiet, check, oks, row

TEXTS = [
    "How do I reset the password of my online banking account today?",
    "How do I reset the password of my online banking account today??",
    "how do i reset  the password of my online banking account today?",
    "Where is the nearest cash machine that takes my card abroad?",
]


def test_the_first_of_near_copies_stays_and_the_others_name_it() -> None:
    verdicts = check(NearDuplicates, [row("a", question=t, id=f"r{i}") for i, t in enumerate(TEXTS)])
    assert [v.ok for v in verdicts] == [True, False, False, True]
    assert verdicts[1].reason == "nearly the same as row r0" and (verdicts[2].score or 0) == 1.0


def test_the_longest_or_shortest_answer_may_stay_instead() -> None:
    rows = [row("x" * n, question=TEXTS[i], id=f"r{i}") for i, n in enumerate((2, 3, 1))]
    assert oks(NearDuplicates, rows, keep="longest") == [False, True, False]
    assert oks(NearDuplicates, rows, keep="shortest") == [False, False, True]


def test_answers_may_be_compared_instead_of_questions() -> None:
    rows = [row(TEXTS[i], question=f"number {i} {i * 7}") for i in (0, 1, 3)]
    assert oks(NearDuplicates, rows) == [True, True, True]
    assert oks(NearDuplicates, rows, compare="answer") == [True, False, True]


def test_exactly_one_of_each_group_stays_whatever_the_order() -> None:
    rng = random.Random(3)
    rows = [
        row("a", question=f"{rng.getrandbits(200):x} " * 2 + end, id=f"{g}{end}")
        for g in range(10)
        for end in ("", "!", "?")
    ]
    for g in range(10):
        same = f"{rng.getrandbits(200):x} " * 2
        rows += [row("a", question=same + end, id=f"s{g}{end}") for end in ("", "!", "?")]
    rng.shuffle(rows)
    kept = [r.row_id.rstrip("!?") for r, ok in zip(rows, oks(NearDuplicates, rows), strict=True) if ok]
    assert [k for k in kept if k.startswith("s")] and sorted(k for k in kept if k.startswith("s")) == sorted(
        f"s{g}" for g in range(10)
    )


HELD = "A train leaves the station at nine in the morning and travels two hundred miles before it stops for lunch"


def test_rows_that_ask_or_hold_what_is_held_out_are_dropped() -> None:
    held = [row("5", question=HELD, id="h0"), row("6", question="Short question?", id="h1")]
    rows = [
        row("x", question=HELD.upper() + "  ", id="a"),
        row(f"As we know: {HELD.lower()}, so it is five.", question="Tell me a story", id="b"),
        row("x", question="short  question?", id="c"),
        row("A train leaves the station at nine and that is all.", question="Another one", id="d"),
        row("x", question="New", id="e", rationale=HELD),
    ]
    verdicts = check(Contamination, rows, held)
    assert [v.ok for v in verdicts] == [False, False, False, True, False]
    assert verdicts[0].reason == "asks what the held-out row h0 asks"
    assert "runs of 13 words with the held-out row h0" in verdicts[1].reason
    assert oks(Contamination, rows, held, share=1.0) == [False, True, False, True, True]


def test_nothing_held_out_is_said() -> None:
    bench = Quiet()
    assert Contamination().check([row("a")], Contamination.Options(), bench)[0].ok
    assert bench.notes == ["warning: There are no held-out rows, so nothing could be checked against them."]
