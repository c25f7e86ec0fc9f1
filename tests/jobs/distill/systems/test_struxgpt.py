"""Student output parses to the schema >= 95% on toy docs; every source sentence is referenced."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jobs.distill.writers.structure import STRUCTURE, unreferenced
from jobs.distill.writers.texts import read
from tests.jobs.distill import scripted
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


@pytest.mark.slow
def test_a_student_learns_the_form(tmp_path: Path) -> None:
    """Held-out documents of other words: what the student writes parses and names every sentence."""
    answer = structure([1, 2])
    asked = "Structure this text: scope, aspects, descriptions with their sentences.\n\n[1] {0} run.\n[2] {0} eat."
    heldout = [(asked.replace("{0}", w), answer) for w in ("hens", "pigs", "rats", "bats")]
    folder = writing.run(
        tmp_path, "struxgpt", DOCUMENTS, says, heldout=heldout, train={"steps": 150, "batch_size": 5},
        recipe={"student": {"model": "sample/student", "adapter": {"rank": 16, "alpha": 32}}, "evaluation": {"max_new_tokens": 110, "bootstrap": 200}},
    )  # fmt: skip
    said = [json.loads(line) for line in (folder / "outputs" / "heldout-student.jsonl").read_text().splitlines()]
    parsed = [read(r["answer"], STRUCTURE) for r in said]
    assert len(parsed) == 4 and not any(unreferenced(p, 2) for p in parsed)
