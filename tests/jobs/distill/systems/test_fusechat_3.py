"""Rows record source model; pair sides come from the same source if so set; text-only teachers with different tokenizers work."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jobs.distill.events import Events
from jobs.distill.run import distill
from tests.jobs.distill import scripted
from tests.jobs.distill.systems import judged

pytestmark = pytest.mark.slow  # whole runs, shared by its tests

ROWS = [(f"ask {n}", "yes") for n in range(12)]


def speaker(word: str):
    """A source that says its word, longer or shorter; the tokens behind it are nobody's business."""
    calls = [0]

    def says(messages: list[dict[str, str]]) -> str:
        if judged.is_judge(messages):
            answer = judged.parts(messages)["answer"]
            return judged.score(3 + answer.count("!") + 2 * answer.startswith("beta"))
        calls[0] += 1
        return word + "!" * (1 + calls[0] % 3)

    return says


def run(folder: Path, **options: object) -> Path:
    with scripted.teacher(speaker("alpha")) as one, scripted.teacher(speaker("beta")) as two:
        there = {"url": two.url, "model": "other"}
        recipe = {
            "method": "fusechat-3", "options": {"candidates": 3, "answer_tokens": 24, **options},
            "train": {"steps": 3, "batch_size": 4, "learning_rate": 0.01},
            "teachers": [{"id": "second", "model": "other", "endpoint": there}],
        }  # fmt: skip
        made = scripted.run_folder(folder, recipe, scripted.rows(ROWS), one.url)
        listed = json.loads((made / "models.json").read_text())
        (made / "models.json").write_text(
            json.dumps({**listed, "second": {"key": "endpoint/other", "endpoint": there}})
        )
        distill(made, Events(made))
    return made


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run(tmp_path_factory.mktemp("f") / "run")


def test_every_row_records_its_source(done: Path) -> None:
    rows = scripted.output(done, "score")
    assert {(r["lineage"]["by"], r["messages"][-1]["content"].rstrip("!")) for r in rows} == {("teacher", "alpha"), ("second", "beta")}  # fmt: skip


def test_both_sides_come_from_the_source_of_the_best_answer(done: Path) -> None:
    pairs = scripted.output(done, "pairs")
    assert len(pairs) == 8
    for p in pairs:
        assert len(set(p["lineage"]["sources"])) == 1 and p["lineage"]["scores"][0] > p["lineage"]["scores"][1]
        assert p["messages"][-1]["content"] == p["chosen"]  # what the student is fine-tuned on
    assert [e for e in scripted.events(done, "metric") if "loss.dpo" in e["values"]]


def test_sides_may_come_from_any_source(tmp_path: Path) -> None:
    pairs = scripted.output(run(tmp_path / "run", sides="any"), "pairs")
    assert any(p["lineage"]["sources"] == ["second", "teacher"] for p in pairs)
