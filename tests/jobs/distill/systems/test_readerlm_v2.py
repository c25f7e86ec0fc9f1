"""Three-step pipeline stores all drafts; critic-rejected drafts become the rejected side; JSON validity reported."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.jobs.distill import scripted
from tests.jobs.distill.systems import writing

PAGES = [(f"<b>{n}</b>", None) for n in range(6)]

HELDOUT = [("<b>7</b>", "7"), ("<b>8</b>", "8")]


def says(asked: str) -> str:
    n = asked.split("<b>")[1].split("<")[0]
    if "Judge each answer" in asked:
        return json.dumps({"draft": "accept", "refined": "reject" if n == "5" else "accept", "why": "so"})
    if "A draft of the answer" in asked:
        return json.dumps({"b": n})
    return f"b is {n}" if int(n) % 2 else json.dumps({"b": int(n)})


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return writing.run(tmp_path_factory.mktemp("r"), "readerlm-v2", PAGES, says, {"form": "json", "rounds": 1}, HELDOUT)


def test_all_drafts_are_stored_with_their_verdict(done: Path) -> None:
    made = {r["messages"][0]["content"]: r for r in scripted.output(done, "drafts")}
    assert len(made) == 5 and all([d["step"] for d in r["drafts"]] == ["draft", "refined"] for r in made.values())
    (lost,) = scripted.rejected(done, "drafts")
    assert lost["question"] == "<b>5</b>" and "the critic rejected all 2 texts" in lost["reason"]


def test_rejected_drafts_are_the_rejected_side(done: Path) -> None:
    pairs = {
        r["messages"][0]["content"]: (r["chosen"], r["rejected"])
        for r in scripted.output(done, "drafts")
        if "rejected" in r
    }
    assert pairs == {f"<b>{n}</b>": (json.dumps({"b": str(n)}), f"b is {n}") for n in (1, 3)}


def test_the_share_of_valid_json_stands_beside_the_rows_and_both_stages_train(done: Path) -> None:
    made = scripted.output(done, "drafts")
    assert sorted(r["checks"]["json"] for r in made) == [0.5, 0.5, 1.0, 1.0, 1.0]
    assert len(writing.losses(done)) == 4
