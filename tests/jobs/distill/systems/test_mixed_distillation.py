"""Each row has CoT and PoT targets; PoT runs in the safe evaluator with its limits; vote of both paths >= best single path on a toy set."""

from __future__ import annotations

from pathlib import Path

from jobs.distill.programs.safe import evaluate
from tests.jobs.distill import scripted
from tests.jobs.distill.decoding import test_ways
from tests.jobs.distill.systems import written


def says(messages: list[dict[str, str]]) -> str:
    turn = messages[-1]["content"]
    _, last = written.product(turn)
    if "Python" in turn:
        code = "while True: pass" if last == 11 else f"print({last - 5} + 5)"  # planted: one never ends
        return f"```python\n{code}\n```"
    return f"So {last}.\nAnswer: {last}"


def test_both_targets_of_each_question_and_programs_that_run(tmp_path: Path) -> None:
    folder, report, _ = written.run(
        tmp_path / "run", "mixed-distillation", scripted.rows(written.SUMS), says, longest=16
    )
    rows = scripted.output(folder, "both-ways")
    by_question = {
        q: {r["task"] for r in rows if r["lineage"]["parents"] == [q]}
        for q in {r["lineage"]["parents"][0] for r in rows}
    }
    assert len(by_question) == 8 and all(tasks == {"chain", "program"} for tasks in by_question.values())
    kept = scripted.output(folder, "programs-run")
    assert all(str(evaluate(r["messages"][-1]["content"]).value) == r["gold"] for r in kept)
    (out,) = scripted.rejected(folder, "programs-run")
    assert "step" in out["reason"]
    assert set(report["together"]["alone"]) == {"the last adapter", "programs", "reasons"}


def test_the_vote_is_at_least_the_best_path() -> None:
    test_ways.test_the_vote_is_at_least_as_good_as_the_best_path()
