"""A person's gate: the run stops with the rows laid out, and goes on with what came back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jobs.distill.errors import DataRefused
from jobs.distill.events import Events
from jobs.distill.pipeline.review import ReviewNeeded
from jobs.distill.run import distill
from tests.jobs.distill import scripted
from tests.jobs.distill.pipeline.test_pipeline import SUMS, TRAIN, add, written

STAGES = [written(), {"kind": "review", "name": "look"}, TRAIN]


def decide(folder: Path, lines: list[dict[str, object]]) -> None:
    (folder / "review").mkdir(exist_ok=True)
    (folder / "review" / "look.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_the_run_waits_and_goes_on_with_what_a_person_left(tmp_path: Path) -> None:
    with scripted.teacher(add) as teacher:
        folder = scripted.run_folder(tmp_path / "run", {"stages": STAGES}, scripted.rows(SUMS), teacher.url)
        with pytest.raises(ReviewNeeded, match="12 rows are ready"):
            distill(folder, Events(folder))
        laid = scripted.output(folder, "look")
        (told,) = scripted.events(folder, "review")
        assert (told["stage"], told["file"], told["rows"]) == ("look", "look", 12)
        asked = len(teacher.asked)
        kept = [{"id": row["id"], "answer": row["messages"][-1]["content"]} for row in laid[1:]]
        decide(folder, [{**kept[0], "answer": "edited"}, *kept[1:]])
        report = distill(folder, Events(folder))
    assert len(laid) == 12 and len(teacher.asked) == asked
    facts = report["made_rows"]["look"]
    assert (facts["shown"], facts["edited"], facts["rejected"]) == (12, 1, 1)
    assert scripted.rejected(folder, "look")[0]["reason"] == "a person rejected it"
    assert "edited" in {r["messages"][-1]["content"] for r in scripted.output(folder, "look")}


def test_a_decision_about_another_row_is_refused(tmp_path: Path) -> None:
    with scripted.teacher(add) as teacher:
        folder = scripted.run_folder(tmp_path / "run", {"stages": STAGES}, scripted.rows(SUMS), teacher.url)
        decide(folder, [{"id": "somebody-else", "answer": "7"}])
        with pytest.raises(DataRefused, match="1 rows that were not laid out"):
            distill(folder, Events(folder))
