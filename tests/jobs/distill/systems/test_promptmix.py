"""Each row stores its intended mix and its new label; the new label overrides; the arm that is not labelled anew scores lower."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.jobs.distill import scripted

pytestmark = pytest.mark.slow  # whole runs, shared by its tests

WORDS = {"cash": "top up", "gone": "card lost"}
LABELS = sorted(WORDS.values())
HALF = 20  # texts a label


def rows() -> list[dict]:
    """Two rows a label; sixteen are held out."""
    words = list(WORDS)
    pairs = [(f"{'abcdefgh'[n % 8]} {words[n % 2]} {n}", WORDS[words[n % 2]]) for n in range(20)]
    return scripted.rows(pairs, 16)


def teacher() -> scripted.Says:
    """Asked for 75 % of one label it writes a text of the other one three times of five; it labels texts rightly."""
    seen: dict[str, int] = {}

    def says(messages: list[dict[str, str]]) -> str:
        asked = messages[-1]["content"]
        if wanted := re.search(r"that is 75% (.+) and 25% (.+)\. Do not", asked):
            n = seen[wanted[1]] = seen.get(wanted[1], 0) + 1
            real = wanted[2] if n % 5 < 3 else wanted[1]
            word = next(w for w, label in WORDS.items() if label == real)
            return f"{'abcdefgh'[n % 8]} {word} {100 + n}"
        text = re.findall(r"Text: (.+)", asked)[-1] if "Text: " in asked else asked
        label = next(label for w, label in WORDS.items() if w in text)
        return f"{label.upper()}."

    return says


def run(folder: Path, relabel: bool) -> Path:
    recipe = {
        "method": "promptmix", "options": {"number": HALF, "relabel": relabel},
        "train": {"steps": 40, "batch_size": 8, "learning_rate": 0.01},
        "student": {"model": "sample/student", "adapter": {"rank": 4, "alpha": 8}},
    }  # fmt: skip
    return scripted.run(folder, recipe, rows(), teacher())[0]


@pytest.fixture(scope="module")
def arms(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Path]:
    return {on: run(tmp_path_factory.mktemp("p") / "run", on) for on in (True, False)}


def test_rows_keep_mix_and_label_and_the_label_overrides(arms: dict[bool, Path]) -> None:
    made = scripted.output(arms[True], "mix")
    assert len(made) + len(scripted.rejected(arms[True], "mix")) == 2 * HALF and len(made) > HALF
    for row in made:
        assert sorted(row["mix"]) == LABELS and row["mix"][row["intended"]] == 0.75 and sum(row["mix"].values()) == 1
        said = row["messages"][-1]["content"]
        right = next(label for w, label in WORDS.items() if w in row["messages"][0]["content"])
        assert row["relabelled"] == said == right
        assert len(row["lineage"]["parents"]) == 4 and len(row["lineage"]["calls"]) == 2
    overridden = sum(r["relabelled"] != r["intended"] for r in made)
    assert 0.4 < overridden / len(made) < 0.8


def test_without_the_new_label_the_student_scores_lower(arms: dict[bool, Path]) -> None:
    meant = scripted.output(arms[False], "mix")
    assert meant and all("relabelled" not in r and r["messages"][-1]["content"] == r["intended"] for r in meant)
    scores = {on: json.loads((f / "report.json").read_text())["scores"]["student"]["value"] for on, f in arms.items()}
    assert scores[True] > scores[False] + 0.1
