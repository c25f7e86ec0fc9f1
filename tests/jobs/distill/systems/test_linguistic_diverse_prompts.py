"""Generated pairs keep language tags and pass language-id filter; back-translated score reported."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.jobs.distill import scripted
from tests.jobs.distill.systems import writing

TEXTS = [(f"habari ya {n}", None) for n in range(5)]


def says(asked: str) -> str:
    if asked.startswith("Translate into"):
        return "Bonjour." if "French" in asked else "Hola."
    if asked.startswith("Translate from"):
        return "habari ya " + asked[-1] if "news" in asked else "sijui"
    n = asked.split("habari ya ")[1][0]
    return "les nouvelles sont dans la maison et elle est avec nous" if n == "4" else f"this is the news of {n}"


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    options = {"examples_from": ["French", "Spanish"]}
    return writing.run(tmp_path_factory.mktemp("l"), "linguistic-diverse-prompts", TEXTS, says, options)


def test_pairs_keep_their_tags_and_the_wrong_language_is_left_out(done: Path) -> None:
    made = scripted.output(done, "translations")
    assert all(r["language"] == {"question": "Swahili", "answer": "English"} for r in made) and len(made) == 5
    (lost,) = scripted.rejected(done, "language")
    assert lost["code"] == "language" and "French" in lost["reason"] and lost["answer"].startswith("les nouvelles")


def test_the_way_back_is_scored(done: Path) -> None:
    scores = [r["checks"]["back-translation"] for r in scripted.output(done, "translations")]
    assert scores[:4] == [100.0] * 4 and scores[4] < 50
    assert len(writing.losses(done)) == 2
