"""The stage `generate` with a teacher behind an address: its good answers are learnt, the others left out."""

from __future__ import annotations

from pathlib import Path

from tests.jobs.distill import scripted
from tests.jobs.distill.pipeline.test_pipeline import SUMS, TRAIN, add


def says(messages: list[dict[str, str]]) -> object:
    """A number; every question that begins with 2 is cut off."""
    return ("1", "length") if messages[-1]["content"].startswith("2 ") else add(messages)


def test_an_endpoint_answers_the_rows_and_what_was_cut_off_is_left_out(tmp_path: Path) -> None:
    stages = [{"kind": "generate", "rows": "all", "max_new_tokens": 8}, TRAIN]
    folder, teacher = scripted.run(tmp_path / "run", {"stages": stages}, scripted.rows(SUMS), says)
    assert teacher and len(teacher.asked) == 16 and max(teacher.counts.values()) == 1
    warned = [e["message"] for e in scripted.events(folder, "log") if e.get("level") == "warning"]
    assert any("1 of 12 teacher answers were empty or longer" in text for text in warned)
