from __future__ import annotations

import pytest

from jobs.distill.programs.sandbox import unavailable
from jobs.distill.verifiers.by_kind import RightByKind, kind_of
from tests.jobs.distill.bench import Bench, row

TESTS = "def test_it():\n    assert f(2) == 4"


def verdicts(*rows, **options):
    return RightByKind().check(rows, RightByKind.Options(**options), Bench())


def test_numbers_and_texts_go_to_their_own_check() -> None:
    rows = [
        row("a", answer="so 12", gold="12"),
        row("b", answer="13", gold="12"),
        row("c", answer="yes", gold="yes"),
        row("d", answer="no", gold="yes"),
        row("e", answer="x"),
    ]
    assert [v.ok for v in verdicts(*rows)] == [True, False, True, False, False]
    assert (
        verdicts(*rows)[4].reason == "it has neither tests nor a right answer" and verdicts(rows[4], without=True)[0].ok
    )
    assert [kind_of(r, "tests") for r in (rows[0], rows[2], rows[4])] == ["number", "text", ""]
    assert kind_of(row("f", gold="12 apples and a pear"), "tests") == "text"


@pytest.mark.skipif(unavailable() is not None, reason=str(unavailable()))
def test_code_must_pass_its_tests() -> None:
    good, bad = (
        row(c, answer=f"def f(x):\n    return {b}", gold="1", tests=TESTS) for c, b in (("a", "x * x"), ("b", "x"))
    )
    assert [v.ok for v in verdicts(good, bad)] == [True, False]
