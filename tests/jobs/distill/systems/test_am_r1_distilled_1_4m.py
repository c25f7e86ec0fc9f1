"""Planted wrong answers, failing code and eval-set copies are all rejected with a reason column."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.distill.programs.sandbox import unavailable
from tests.jobs.distill import scripted
from tests.jobs.distill.systems import writing

TESTS = "def test_it():\n    assert f(2) == 4"
HELDOUT = [("what is seventy plus thirty in words", "hundred"), ("name the red fruit of an apple tree", "apple")]
ROWS = [
    *((f"add {n} and {n}", str(2 * n)) for n in range(2, 6)),
    ("write f that doubles its number", "def f(x): ..."),
    ("write f that squares, and do it well", "def f(x): ..."),
    ("what is seventy plus thirty in words", "hundred"),
]
PRIVILEGED = [None, None, None, None, TESTS, TESTS, None]


def says(asked: str) -> str:
    if "write f" in asked:
        body = "2 * x" if "doubles" in asked else "x + 1"
        return f"Think.\nAnswer: ```python\ndef f(x):\n    return {body}\n```"
    n = int(asked.split("add ")[1].split()[0])
    return f"{n} and {n}.\nAnswer: {2 * n + (n == 5)}"


@pytest.mark.slow
@pytest.mark.skipif(unavailable() is not None, reason=str(unavailable()))
def test_everything_planted_is_rejected_with_its_reason(tmp_path: Path) -> None:
    options = {"candidates": 1, "sampling": 0}
    folder = writing.run(tmp_path, "am-r1-distilled-1.4m", ROWS, says, options, HELDOUT, privileged=PRIVILEGED)
    copied = scripted.rejected(folder, "sources")
    assert [r["code"] for r in copied] == ["contamination"] and copied[0]["question"].startswith("what is seventy")
    wrong = {r["question"]: r["reason"] for r in scripted.rejected(folder, "right")}
    assert set(wrong) == {"add 5 and 5", "write f that squares, and do it well"}
    assert "says 11, right is 10" in wrong["add 5 and 5"] and all(wrong.values())
    assert len(writing.losses(folder)) == 2
