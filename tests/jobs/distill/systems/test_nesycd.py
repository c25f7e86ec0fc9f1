"""KB entries come from student errors; with KB EM > without on planted rare facts; export ships adapter + KB file."""

from __future__ import annotations

import json
from pathlib import Path

from tests.jobs.distill import scripted
from tests.jobs.distill.decoding import test_ways
from tests.jobs.distill.systems import written

FACTS = [(f"Melting point of x{n}?", f"{n}7 C") for n in range(12)]


def says(messages: list[dict[str, str]]) -> str:
    turn = messages[-1]["content"]
    n = turn.split("of x")[1].split("?")[0]
    return f"x{n} melts at {n}7 C" if "lack" in turn else f"{n}7 C"


def test_entries_come_from_errors_and_are_shipped(tmp_path: Path) -> None:
    folder, report, teacher = written.run(tmp_path / "run", "nesycd", scripted.rows(FACTS), says, longest=24)
    rows = scripted.output(folder, "what-was-missing")
    entries = [r for r in rows if r["task"] == "knowledge"]
    assert entries and all(r["student_said"] != r["gold"] for r in entries)
    learnt = [r for r in rows if r["task"] == "with-entry"]
    assert len(learnt) == len(entries) and all(
        r["messages"][0]["content"].startswith("What helps:\n- x") for r in learnt
    )
    library = json.loads((folder / "adapter" / "library.json").read_text())
    assert {e["entry"] for e in library["entries"]} == {r["entry"] for r in entries}
    assert (folder / "adapter" / "adapter_model.safetensors").exists()
    assert "library.json" in (folder / "adapter" / "SHA256SUMS").read_text()
    assert "without entries" in report["together"]["alone"]


def test_rare_facts_are_known_with_the_library_alone() -> None:
    test_ways.test_the_nearest_entries_stand_before_the_question_and_rare_facts_are_known()
