"""Contradictory and duplicate pairs are dropped in a planted set; diversity and accept rate appear in the report."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from jobs.distill.retrieval.overlap import distinct
from tests.jobs.distill import scripted
from tests.jobs.distill.systems import writing


def says(asked: str) -> str:
    """Contradicts itself on wool and oak: who is named first has more. Never names cork. Repeats itself on the rest."""
    a, b, by = re.search(r"Compare (\w+) and (\w+) by this property: (\w+)", asked).groups()
    first, second = sorted((a, b))
    more, less = (a, b) if {a, b} == {"wool", "oak"} else (first, second)
    text = f"Compared to {less}, {more} has more {by}."
    return json.dumps({"statement": text.replace("cork", "it"), "more": more})


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    options = {"things": ["oak", "wool", "iron", "cork"], "properties": ["price"], "candidates": 1, "sampling": 0}
    return writing.run(tmp_path_factory.mktemp("n"), "neurocomparatives", [("x", None)], says, options)


def test_contradictions_and_copies_go(done: Path) -> None:
    kept = scripted.output(done, "comparisons")
    out = scripted.rejected(done, "filter")
    assert {r["code"] for r in out} == {"contradictions"} and len(out) == 2
    assert all("oak" in r["answer"] and "wool" in r["answer"] for r in out)
    copies = [r for r in scripted.rejected(done, "comparisons") if r["code"] == "copy"]
    assert len(copies) == 2 and len(kept) == 4, "the same statement from both ways round is one row"
    unnamed = [r for r in scripted.rejected(done, "comparisons") if r["code"] == "unusable"]
    assert len(unnamed) == 6 and all("cork" in r["reason"] for r in unnamed)


def test_the_report_says_how_many_passed_and_rows_tell_how_varied_they_are(done: Path) -> None:
    made = json.loads((done / "report.json").read_text())["made_rows"]
    assert (made["filter"]["rows"], made["filter"]["rejected"]) == (2, 2)
    kept = {r["row_id"] for r in scripted.rejected(done, "filter")}
    texts = [r["messages"][-1]["content"] for r in scripted.output(done, "comparisons") if r["id"] not in kept]
    assert distinct(texts, 2) > 0.5
