"""Tier rule maps corpus size to a pipeline; merged adapter keeps English score within set loss."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jobs.distill.catalog.advice.tiers import tier_of
from tests.jobs.distill import scripted
from tests.jobs.distill.systems import merging, writing

ROWS = [(f"say {w}", w) for w in ("one", "two", "ten", "six")]
TEXTS = [(f"Menu\nmaji ni uhai {n}", None) for n in range(4)]
ENGLISH = [(f"hello {n}", "hello") for n in range(4)]


def says(asked: str) -> str:
    if asked.startswith(("Translate into", "Translate from")):
        return "sawa"
    return "remove_lines(0, 0)" if "[0] Menu" in asked else "sema"


def run(folder: Path, share: float, **train: float) -> Path:
    evaluation = {"metric": "bits_per_byte", "max_new_tokens": 6, "bootstrap": 200}
    options = {"language": "Swahili", "share": share}
    return writing.run(folder, "byol", [*ROWS, *TEXTS], says, options, ENGLISH, train, {"evaluation": evaluation})


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run(tmp_path_factory.mktemp("byol"), 0.25, steps=12)


def score(folder: Path, who: str) -> float:
    return float(json.loads((folder / "report.json").read_text())["scores"][who]["value"])


def test_a_corpus_of_its_size_is_sent_here_and_its_texts_and_rows_are_made(done: Path) -> None:
    assert tier_of(2_000_000).system == "byol"
    assert {r["messages"][0]["content"] for r in scripted.output(done, "cleaned-texts")} == {
        f"maji ni uhai {n}" for n in range(4)
    }
    assert all(r["language"]["answer"] == "Swahili" for r in scripted.output(done, "translated-rows"))


def test_the_blend_is_the_share_that_was_asked_for(done: Path) -> None:
    trained = merging.updates(merging.stage(done, "03-student"))
    merging.close(merging.exported(done)[1], {n: 0.25 * t for n, t in trained.items()})


def test_english_loses_less_than_without_the_blend(done: Path, tmp_path: Path) -> None:
    whole = run(tmp_path, 1.0, steps=12)
    loss, unblended = (score(f, "student") - score(f, "base") for f in (done, whole))  # bits a byte: more is worse
    assert loss < unblended and loss < 0.5 * max(unblended, 0.01) + 0.1
