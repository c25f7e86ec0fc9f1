"""Student output parses to the schema >= 95% on toy docs; every source sentence is referenced."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jobs.distill.writers.structure import STRUCTURE, unreferenced
from jobs.distill.writers.texts import read
from tests.jobs.distill import scripted, tiny
from tests.jobs.distill.systems import writing

WORDS = ["cats", "dogs", "owls", "bees", "ants", "cows"]
DOCUMENTS = [(f"{w} run. {w} eat.", None) for w in WORDS]


def structure(references: list[int]) -> str:
    descriptions = [{"text": "t", "sentences": references}]
    return json.dumps({"scope": "s", "aspects": [{"aspect": "a", "descriptions": descriptions}]})


def says(asked: str) -> str:
    return structure([1] if "ants" in asked or ("cows" in asked and "A first try" not in asked) else [1, 2])


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return writing.run(tmp_path_factory.mktemp("s"), "struxgpt", DOCUMENTS, says)


def test_every_source_sentence_is_referenced(done: Path) -> None:
    made = scripted.output(done, "structures")
    assert len(made) == 5 and all(not unreferenced(json.loads(r["messages"][-1]["content"]), 2) for r in made)
    (lost,) = scripted.rejected(done, "structures")
    assert lost["reason"] == "1 of 2 sentences are named nowhere: 2"


def test_every_row_that_the_student_learns_parses_to_the_schema(done: Path) -> None:
    for r in scripted.output(done, "structures"):
        assert read(r["messages"][-1]["content"], STRUCTURE)["scope"] == "s"
    assert len(writing.losses(done)) == 2


@pytest.mark.slow
def test_a_student_learns_the_form(tmp_path: Path) -> None:
    """Held-out documents of other words: what the student writes parses and names every sentence."""
    config = tiny.model(tmp_path / "student", 2, 48) / "config.json"
    config.write_text(config.read_text().replace('"max_position_embeddings": 128', '"max_position_embeddings": 512'))
    asked = "Structure this text: scope, aspects, descriptions with their sentences.\n\n[1] {0} run.\n[2] {0} eat."
    heldout = [(asked.replace("{0}", w), structure([1, 2])) for w in ("hens", "pigs", "rats", "bats")]
    student = {"model": "sample/student", "adapter": {"rank": 16, "alpha": 32}}
    evaluation = {"metric": "exact_match", "max_new_tokens": 120, "bootstrap": 200}
    train = {"steps": 120, "batch_size": 5}
    recipe = {"student": student, "evaluation": evaluation}
    folder = writing.run(tmp_path, "struxgpt", DOCUMENTS, says, heldout=heldout, train=train, recipe=recipe)
    said = scripted.output(folder, "heldout-student")
    parsed = [read(r["messages"][-1]["content"], STRUCTURE) for r in said]
    assert len(parsed) == 4 and not any(unreferenced(p, 2) for p in parsed)
