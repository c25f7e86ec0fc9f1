"""Each source gives k variants with tags; overlap under bound; distinct-n and tail report across variants."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path

import pytest

from jobs.distill.retrieval.overlap import distinct
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
DOCUMENTS = [(" ".join(random.Random(n).sample(WORDS, 8)), None) for n in range(4)]


def says(asked: str) -> str:
    if "Name 3 pairs" in asked:
        pairs = [("tale", "children"), ("news", "sailors"), ("guide", "cooks")]
        return json.dumps({"items": [{"genre": g, "audience": a} for g, a in pairs]})
    if "Genre: guide" in asked and DOCUMENTS[3][0] in asked:
        return DOCUMENTS[3][0]
    drawn = random.Random(asked)
    return " ".join("".join(drawn.sample(w, len(w))) for w in drawn.sample(WORDS, 10))


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return writing.run(
        tmp_path_factory.mktemp("m"), "maga", DOCUMENTS, says, {"variants": 3, "overlap": 0.4, "sampling": 0}
    )


def test_each_source_has_its_variants_with_tags_and_little_overlap(done: Path) -> None:
    made = scripted.output(done, "variants")
    assert Counter(r["source"] for r in made) == {"row-000": 3, "row-001": 3, "row-002": 3, "row-003": 2}
    assert all(
        r["genre"] and r["audience"] and r["overlap"] <= 0.4 and r["source"] in r["lineage"]["parents"] for r in made
    )
    (copied,) = scripted.rejected(done, "variants")
    assert copied["reason"].startswith("100% of it stands in its source")
    assert len(writing.losses(done)) == 2


def test_the_corpus_grew_without_repeating_itself(done: Path) -> None:
    variants = [r["messages"][0]["content"] for r in scripted.output(done, "variants")]
    sources = [text for text, _ in DOCUMENTS]
    assert distinct([*sources, *variants], 2) > 0.9
    common, grown = (Counter(w for t in texts for w in t.split()) for texts in (sources, [*sources, *variants]))
    assert sum(n == 1 for n in grown.values()) > sum(n == 1 for n in common.values()), "the tail is longer"
