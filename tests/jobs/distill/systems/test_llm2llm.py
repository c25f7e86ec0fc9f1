"""Every new row links to a failed row id; solved rows spawn none; error rate on the seed set falls over 3 rounds."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.jobs.distill import scripted

ROWS = [(f"say {'a' if n % 2 else 'b'} {n}", "a" if n % 2 else "b") for n in range(14)]


def says(messages: list[dict[str, str]]) -> str:
    found = re.search(r"Question: say (\w) (\d+)", messages[-1]["content"])
    if found is None:
        return messages[-1]["content"].split()[1]
    return f"Question: say {found[1]} {int(found[2]) + 50}\nAnswer: {found[1]}"


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    recipe = {
        "method": "llm2llm", "options": {"rounds": 3, "start": "previous", "answer_tokens": 40},
        "train": {"steps": 12, "batch_size": 8, "learning_rate": 0.01}, "evaluation": {"max_new_tokens": 6},
    }  # fmt: skip
    return scripted.run(tmp_path_factory.mktemp("l") / "run", recipe, scripted.rows(ROWS), says)[0]


def failed(folder: Path, number: int) -> set[str]:
    """Ids that were started from in a round: those the student answered wrongly."""
    name = f"similar-{number}"
    rows = [*(r["lineage"]["parents"] for r in scripted.output(folder, name)), *(r["parents"] for r in scripted.rejected(folder, name))]  # fmt: skip
    return {p for parents in rows for p in parents}


def test_every_new_row_links_to_a_failed_one(done: Path) -> None:
    seeds = {f"row-{n:03d}" for n in range(10)}
    for number in (1, 2, 3):
        made = scripted.output(done, f"similar-{number}")
        assert all(set(r["lineage"]["parents"]) <= seeds and len(r["lineage"]["parents"]) == 1 for r in made)
        facts = json.loads((done / "report.json").read_text())["made_rows"].get(f"similar {number}", {"asked": 0})
        assert facts["asked"] == len(failed(done, number)), "a row that was solved spawned one"


def test_the_error_rate_on_the_seeds_falls(done: Path) -> None:
    rates = [len(failed(done, n)) / 10 for n in (1, 2, 3)]
    assert rates[0] > 0 and rates[2] < rates[0] and rates[1] <= rates[0]
