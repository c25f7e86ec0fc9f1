"""Targets sampled with flattened relation frequency; generated text mentions each entity; extractor F1 on toy KB."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.jobs.distill import scripted, tiny_two_parts

pytestmark = pytest.mark.slow  # whole runs, shared by its tests

COMMON = [["a", "in", "w"], ["b", "in", "x"], ["c", "in", "y"], ["d", "in", "z"]]
RARE = [["e", "on", "y"], ["f", "on", "z"], ["g", "on", "w"], ["h", "on", "x"]]
FACTS = COMMON + RARE
DRAWN = 64


def rows() -> list[dict]:
    """Answers list facts, those of one relation four times as often; the held-out texts are worded as the teacher words them."""
    known = [(f"row {n}", json.dumps([f])) for n, f in enumerate(COMMON * 4 + RARE)]
    return scripted.rows([*known, *((f"{s} is {r} {o}.", json.dumps([[s, r, o]])) for s, r, o in FACTS)], len(FACTS))


def says(messages: list[dict[str, str]]) -> str:
    """States the facts it is given, but forgets the object of a fact of h at the first try, and of g always."""
    prompt = messages[-1]["content"]
    facts = [line.split(" | ") for line in prompt.splitlines() if line.count(" | ") == 2]
    again = "does not mention" in prompt
    said = [f"{s} is {r}." if s == "g" or (s == "h" and not again) else f"{s} is {r} {o}." for s, r, o in facts]
    return " ".join(said) or "no facts"


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("synthie")
    tiny_two_parts.model(place / "student", 2, 32)
    recipe = {
        "method": "synthie",
        "options": {"texts": DRAWN, "most": 1, "instruction": ""},
        "train": {"steps": 90, "batch_size": 7, "learning_rate": 0.01, "max_new_tokens": 60},
        "student": {"model": "sample/student", "adapter": {"rank": 16, "alpha": 32, "head": True}},
        "evaluation": {"metric": "set_f1", "max_new_tokens": 30, "batch_size": 16, "bootstrap": 200},
    }
    folder, _ = scripted.run(place / "run", recipe, rows(), says)
    return folder


def test_rare_relations_are_drawn_as_often_as_common_ones(done: Path) -> None:
    """Equal draws are one row; the others are listed as copies of it, so that every draw can be counted."""
    made, left_out = (f(done, "texts-for-facts") for f in (scripted.output, scripted.rejected))
    drawn = [*(r["messages"][-1]["content"] for r in made), *(json.dumps(r) for r in left_out)]
    assert len(drawn) == DRAWN
    assert 0.3 < sum(bool(re.search(r"\Won\W", d)) for d in drawn) / DRAWN < 0.7


def test_every_text_names_every_entity_and_the_others_are_left_out(done: Path) -> None:
    made = scripted.output(done, "texts-for-facts")
    assert len(made) == 7, "all facts but that of g, whose text never names its object"
    for row in made:
        ((subject, relation, object_),) = json.loads(row["messages"][-1]["content"])
        assert row["messages"][-2]["content"] == f"{subject} is {relation} {object_}."
    forgotten = [r for r in scripted.rejected(done, "texts-for-facts") if r["code"] == "unusable"]
    assert forgotten and all("does not mention w" in r["reason"] for r in forgotten)


def test_the_small_encoder_decoder_extracts_what_the_base_cannot(done: Path) -> None:
    scores = json.loads((done / "report.json").read_text())["scores"]
    assert scores["base"]["value"] == 0 and scores["student"]["value"] > 0.5
