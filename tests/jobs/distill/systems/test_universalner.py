"""One question per entity type incl. negatives; JSON list parse rate 100%; strict F1 computed on toy passages."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.jobs.distill import scripted
from tests.jobs.distill.systems import writing

PASSAGES = [(f"{a} is in {b}", None) for a, b in (("Ann", "Rome"), ("Bob", "Oslo"), ("Cid", "Bern"))] + [
    ("it rains", None)
]
HELDOUT = [("Text: Dee is in Kiel\n\nWhat describes city in the text? Answer with a JSON list.", '["Kiel"]')] * 2


def says(asked: str) -> str:
    words = asked.split("\n")[0].split()
    items = [{"entity": words[0], "type": "person"}, {"entity": words[3], "type": "city"}] if words[1] == "is" else []
    extra = [{"entity": "Paris", "type": "city"}] if "Bob" in asked else []
    return json.dumps({"items": items + extra})


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    evaluation = {"metric": "set_f1", "max_new_tokens": 12, "bootstrap": 200}
    return writing.run(
        tmp_path_factory.mktemp("u"),
        "universalner",
        PASSAGES,
        says,
        {"negatives": 1},
        HELDOUT,
        recipe={"evaluation": evaluation},
    )


def test_one_question_a_type_with_negatives_and_every_answer_parses(done: Path) -> None:
    made = scripted.output(done, "questions")
    asked = [(r["messages"][0]["content"].splitlines()[0], r["entity_type"]) for r in made]
    assert len(set(asked)) == len(asked) == 7, "two types of three passages, and one type of the rain"
    lists = [json.loads(r["messages"][-1]["content"]) for r in made]
    assert (
        all(isinstance(v, list) for v in lists) and sum(v == [] for v in lists) == sum(r["negative"] for r in made) == 1
    )
    assert scripted.rejected(done, "lists") == []


def test_invented_entities_are_counted_and_strict_f1_is_reported(done: Path) -> None:
    dropped = {r["messages"][0]["content"]: r["entities_dropped"] for r in scripted.output(done, "entities")}
    assert dropped["Bob is in Oslo"] == 1 and sum(dropped.values()) == 1
    assert json.loads((done / "report.json").read_text())["metric"] == "set_f1"
