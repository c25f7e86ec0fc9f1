"""Sampled meta-tuples follow the graph weights; multi-document rows cite >= 2 documents."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from jobs.distill.writers.long_questions import FIELDS
from tests.jobs.distill import scripted
from tests.jobs.distill.systems import writing

QUESTIONS = [("sum a", "x"), ("sum b", "x"), ("sum c", "x"), ("list d", "x")]
DOCUMENTS = [(f"text {n}", None) for n in range(4)]


def says(asked: str) -> str:
    if "Describe the question" in asked:
        meta = (
            {"task": ["summing"], "form": ["prose"]}
            if "user: sum" in asked
            else {"task": ["listing"], "form": ["list"]}
        )
        return json.dumps({**{name: [] for name in FIELDS}, **meta})
    if "Write a request" in asked:
        return "Please: " + " ".join(line[2:] for line in asked.splitlines() if line.startswith("- "))
    return "See [1] and [2]." if "text 3" not in asked else "See [1]."


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    options = {"number": 200, "documents": 2, "sampling": 0}
    return writing.run(tmp_path_factory.mktemp("w"), "wildlong", [*QUESTIONS, *DOCUMENTS], says, options)


def test_tuples_follow_the_graph(done: Path) -> None:
    made, out = scripted.output(done, "long-rows"), scripted.rejected(done, "long-rows")
    tuples = Counter((r["meta"]["task"], r["meta"]["form"]) for r in made)
    assert set(tuples) == {("summing", "prose"), ("listing", "list")}, "nothing that never stood together"
    asked = Counter("summing" in r["question"] for r in out if r["code"] == "copy")
    asked += Counter(r["meta"]["task"] == "summing" for r in made)
    assert 0.6 < asked[True] / sum(asked.values()) < 0.9, "three of four questions are sums"


def test_rows_cite_two_documents(done: Path) -> None:
    made = scripted.output(done, "long-rows")
    assert made and all(len(r["cited"]) == 2 and set(r["cited"]) == set(r["lineage"]["parents"]) for r in made)
    assert all(r["messages"][0]["content"].startswith("Document [1]:\ntext") for r in made)
    lost = [r for r in scripted.rejected(done, "long-rows") if r["code"] == "unusable"]
    assert lost and {r["reason"] for r in lost} == {"it cites 1 of 2 documents, at least 2 are wanted"}
    assert len(writing.losses(done)) == 2
