"""Generated operations run in a safe interpreter (whitelist); output is a subset/edit of input; diff stored."""

from __future__ import annotations

import difflib
from pathlib import Path

import pytest

from tests.jobs.distill import scripted
from tests.jobs.distill.systems import writing

TEXTS = [(f"Home | Menu {n}\nWhales breathe air {n}.\n=====\nThe end {n}.", None) for n in range(5)]
PROGRAMS = {
    "0": 'remove_lines(0, 0)\nnormalize("=====", "")\ndrop_empty_lines()',
    "1": "keep_doc()",
    "2": "drop_doc()",
    "3": "__import__('os').remove('/tmp/x')",
    "4": "remove_lines(0, 2)\nopen('/etc/passwd')",
}


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    def says(asked: str) -> str:
        return PROGRAMS[asked.split("Menu ")[1][0]]

    return writing.run(tmp_path_factory.mktemp("p"), "prox", TEXTS, says)


def test_only_known_operations_run(done: Path) -> None:
    out = {r["row_id"]: r["reason"] for r in scripted.rejected(done, "cleaned-texts")}
    assert out["row-002"] == "the program drops the text"
    assert all("refused: line" in out[f"row-00{n}"] for n in (3, 4)) and len(out) == 3


def test_what_comes_out_is_part_of_what_went_in_and_the_diff_says_which(done: Path) -> None:
    made = {r["id"]: r for r in scripted.output(done, "cleaned-texts")}
    assert set(made) == {"row-000", "row-001"}
    assert made["row-000"]["messages"][0]["content"] == "Whales breathe air 0.\nThe end 0."
    assert made["row-001"]["diff"] == "" and made["row-001"]["messages"][0]["content"] == TEXTS[1][0]
    before, after = TEXTS[0][0].splitlines(), made["row-000"]["messages"][0]["content"].splitlines()
    assert not [d for d in difflib.ndiff(before, after) if d.startswith("+")]
    assert "-Home | Menu 0" in made["row-000"]["diff"] and made["row-000"]["program"] == PROGRAMS["0"]
    assert len(writing.losses(done)) == 2
