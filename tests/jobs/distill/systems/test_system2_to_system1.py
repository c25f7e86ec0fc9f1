"""Only majority-consistent rows kept; targets hold no reasoning; output tokens drop >= 50% with the answers those of the slow method."""

from __future__ import annotations

from pathlib import Path

from tests.jobs.distill import scripted
from tests.jobs.distill.systems import written

HARD = "13*14+5?"
COUNT = written.Turns()


def says(messages: list[dict[str, str]]) -> str:
    turn = messages[-1]["content"]
    _, last = written.product(turn)
    if "step by step" not in turn:
        return str(last)
    k = COUNT.next(turn)
    said = k if "4*5+5" in turn else last + (k % 4 == 0)  # one question on which no two runs agree
    return f"First I multiply the two numbers, then I add five to what comes out.\nAnswer: {said}"


def test_only_majorities_are_learnt_and_without_their_reasoning(tmp_path: Path) -> None:
    folder, _, teacher = written.run(
        tmp_path / "run", "system2-to-system1", scripted.rows(written.SUMS), says, by="teacher", samples=4, longest=64
    )
    rows, out = scripted.output(folder, "slow-answers"), scripted.rejected(folder, "slow-answers")
    assert len(rows) == 7 and [r["question"] for r in out] == ["4*5+5?"] and "agree" in out[0]["reason"]
    assert all(r["agreement"] > 0.5 for r in rows)
    slow = len(
        [
            "First",
            "I",
            "multiply",
            "the",
            "two",
            "numbers,",
            "then",
            "I",
            "add",
            "five",
            "to",
            "what",
            "comes",
            "out.",
            "Answer:",
            "11",
        ]
    )
    for r in rows:
        target = r["messages"][-1]["content"]
        assert target == r["gold"] and "multiply" not in target and "rationale" not in r
        assert len(target.split()) <= slow / 2
