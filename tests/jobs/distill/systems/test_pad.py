"""With 30% planted faulty programs none survives; kept rows all execute to gold; student output is executed for scoring."""

from __future__ import annotations

from pathlib import Path

from jobs.distill.programs.safe import evaluate
from tests.jobs.distill import scripted
from tests.jobs.distill.decoding.answering import answer
from tests.jobs.distill.systems import written
from tests.jobs.distill.writers.speaking import row

FAULTY = ("print(1 + 1)", "print(undefined)", "import os")
SUMS = [(f"{n}*{n + 1}+5?", str(n * (n + 1) + 5)) for n in range(2, 16)]
PLANTED = {SUMS[k][0]: FAULTY[k % 3] for k in (0, 3, 6)}  # of ten to learn from


def says(messages: list[dict[str, str]]) -> str:
    turn = messages[-1]["content"]
    question = next((q for q, _ in SUMS if f"{q}\n" in turn or turn == q), "")
    first, last = written.product(turn)
    return f"```python\n{PLANTED.get(question, f'print({first} + 5)')}\n```" if "Python" in turn else str(last)


def test_no_planted_fault_survives_and_the_students_programs_are_run(tmp_path: Path) -> None:
    folder, report, _ = written.run(tmp_path / "run", "pad", scripted.rows(SUMS), says, longest=16)
    kept, out = scripted.output(folder, "programs-run"), scripted.rejected(folder, "programs-run")
    assert len(kept) == 7 and len(out) == 3 and all(r["code"] == "program" for r in out)
    assert not {r["messages"][-1]["content"] for r in kept} & set(FAULTY)
    assert all(str(evaluate(r["messages"][-1]["content"]).value) == r["gold"] for r in kept)
    assert "programs that run" in report["together"]["facts"]


def test_what_the_student_writes_is_computed_for_its_score() -> None:
    assert answer("one-path", row("2*3+5?", "11"), lambda *a: "print(2 * 3 + 5)", read="program").text == "11"
