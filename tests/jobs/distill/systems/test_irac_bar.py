"""Transformer yields four sections for 100% rows or marks failure; option-position bias reported before/after."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.jobs.distill import scripted
from tests.jobs.distill.systems import writing

ROWS = [(f"case {n}: A or B?", "AB"[n % 2]) for n in range(6)]
IRAC = "Issue: who owns it\nRule: first in time\nApplication: she was first\nConclusion: hers"


def says(asked: str) -> str:
    if "case 5" in asked:
        return "It is clear."
    return IRAC if "case 4" not in asked or "A first try lacked" in asked else "Issue: x\nRule: y"


@pytest.mark.parametrize("fails", ["drop", "mark"])
def test_four_sections_in_every_row_or_a_mark(tmp_path: Path, fails: str) -> None:
    reasons = [f"because {n}" for n in range(6)]
    folder = writing.run(tmp_path, "irac-bar", ROWS, says, {"fails": fails}, rationale=reasons)
    made = scripted.output(folder, "sections")
    good = [r for r in made if r["structured"]]
    assert len(good) == 5 and all(r["rationale"] == IRAC for r in good)
    assert [r["messages"][-1]["content"] for r in made] == [a for _, a in ROWS][: len(made)]
    if fails == "drop":
        (bad,) = scripted.rejected(folder, "sections")
        assert len(made) == 5 and "the section 'Issue' is missing" in bad["reason"]
    else:
        assert len(made) == 6 and [r["rationale"] for r in made if not r["structured"]] == ["because 5"]
    assert len(writing.losses(folder)) == 2


def test_the_report_says_which_options_are_preferred_before_and_after(tmp_path: Path) -> None:
    """Of four held-out questions each has another gold letter; answers of every arm are counted by the letter they name."""
    heldout = [(f"case {c}: A, B, C or D?", c) for c in "ABCD"]
    folder = writing.run(tmp_path, "irac-bar", ROWS[:4], says, heldout=heldout, train={"steps": 12})
    found = json.loads((folder / "report.json").read_text())["option_bias"]
    assert found["gold"] == dict.fromkeys("ABCD", 0.25)
    assert set(found["said"]) >= {"base", "student"} and found["said"]["teacher"] == found["gold"]
    assert found["distance"]["teacher"] == 0 and set(found["distance"]) == set(found["unread"]) == set(found["said"])
