"""Topic x audience seeds yield distinct documents (self-BLEU bound); provenance: 100% synthetic flag per row."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from jobs.distill.retrieval.overlap import self_bleu
from tests.jobs.distill import scripted
from tests.jobs.distill.systems import writing

WORDS = [
    "sea",
    "moon",
    "ship",
    "salt",
    "wind",
    "rope",
    "star",
    "fish",
    "sand",
    "bell",
    "reef",
    "gull",
    "foam",
    "tide",
    "mast",
    "keel",
]


def says(asked: str) -> str:
    """Another text for every request, but for nurses always the same."""
    if "Reader: a nurse" in asked:
        return "The moon pulls the sea and so the tide comes twice."
    drawn = random.Random(asked)
    return " ".join(drawn.sample(WORDS, 9)) + "."


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    options = {"topics": ["tides", "bread"], "audiences": ["a child", "a nurse"], "number": 24, "sampling": 0}
    return writing.run(tmp_path_factory.mktemp("p"), "phi-1.5", [("x", "y")], says, options)


def test_documents_differ(done: Path) -> None:
    made = scripted.output(done, "documents")
    out = [*scripted.rejected(done, "documents"), *scripted.rejected(done, "copies")]
    assert len(made) + len(scripted.rejected(done, "documents")) == 24 and {r["code"] for r in out} == {"copy"}
    texts = [r["messages"][0]["content"] for r in made]
    assert sum(t.startswith("The moon") for t in texts) == 1 and self_bleu(texts) < 0.3


def test_every_row_says_that_it_is_synthetic_and_of_what(done: Path) -> None:
    made = scripted.output(done, "documents")
    assert all(r["synthetic"] is True and r["topic"] in ("tides", "bread") and r["angle"] for r in made)
    assert all(r["lineage"]["values"]["audience"] == r["audience"] and r["lineage"]["calls"] for r in made)
    assert len(writing.losses(done)) == 2
