"""Library JSON is human-editable and exported; judged score with strategies > without on a toy scripted judge; no weights are touched."""

from __future__ import annotations

import json
from pathlib import Path

from jobs.distill.decoding.base import Hand
from tests.jobs.distill import scripted
from tests.jobs.distill.decoding.answering import answer
from tests.jobs.distill.systems import written
from tests.jobs.distill.writers.speaking import row

COUNT = written.Turns()


def says(messages: list[dict[str, str]]) -> str:
    turn = messages[-1]["content"]
    if "Invent a different situation" in turn:
        return f"refund case {COUNT.next('all')} now"
    if "Score:" in turn:
        return "Poor.\nScore: 2"
    return f"Say sorry first, case {COUNT.next('all')}." if "Write a strategy" in turn else "ok"


def test_the_library_is_exported_and_no_weights_are_touched(tmp_path: Path) -> None:
    given = scripted.rows([(f"refund {n}?", "ok") for n in range(8)])
    folder, report, _ = written.run(tmp_path / "run", "strategy-teaching", given, says, scenarios=2, longest=64)
    assert report["trained"] == [] and "control" not in report["scores"]
    library = json.loads((folder / "adapter" / "library.json").read_text())
    assert len(library["entries"]) == len({e["entry"] for e in library["entries"]}) >= 8
    assert all(e["when"].startswith("refund case") and e["entry"].startswith("Say sorry") for e in library["entries"])
    assert "without entries" in report["together"]["alone"]


def test_the_judged_score_is_higher_with_strategies() -> None:
    """A student that follows what stands before the question, and a judge who wants an apology."""
    hand = Hand(64, made={"strategies 1": [row("refund case?", None, entry="Say sorry first.")]})

    def student(to: str, turn: str, request: object) -> str:
        return "Sorry! Here is how." if "Say sorry" in turn else "No."

    def judge(text: str) -> int:
        return 9 if "sorry" in text.lower() else 2

    found = [
        answer("look-up", row(f"refund {n}?", "x"), student, hand, base=True, stages=["strategies"]) for n in range(4)
    ]
    assert all(judge(f.text) > judge(f.alone["without entries"]) for f in found)


def test_stages_touch_no_weights() -> None:
    strategies, use = written.stages("strategy-teaching")
    assert strategies.kind == "write" and use.kind == "use" and use.options["base"] is True
