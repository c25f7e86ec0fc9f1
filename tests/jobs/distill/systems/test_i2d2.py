"""Every generation satisfies its lexical constraint; the critic's accepted rows are learnt in two rounds, each by the student before."""

from __future__ import annotations

from pathlib import Path

from jobs.distill.writers.overgenerate import holds
from tests.jobs.distill import scripted
from tests.jobs.distill.systems import written

COUNT = written.Turns()


def says(messages: list[dict[str, str]]) -> str:
    turn = messages[-1]["content"]
    if "Complete the sentence" in turn:
        start = turn.rsplit("\n", 1)[1]
        k = COUNT.next(turn)
        return ["Nothing fits here at all.", f"{start} work number {k}.", f"{start} fail badly {k}."][k % 3]
    return '{"score": 2, "reason": "no"}' if "fail" in turn else '{"score": 9, "reason": "yes"}'


def test_constraints_hold_and_the_critic_decides_in_two_rounds(tmp_path: Path) -> None:
    given = scripted.rows([(f"tool{n}", "x") for n in range(8)])
    folder, report, _ = written.run(tmp_path / "run", "i2d2", given, says, by="teacher", rounds=2, longest=64)
    assert len(report["rounds"]) >= 1
    for n in range(1, len(report["rounds"]) + 1):
        rows = scripted.output(folder, f"say-{n}")
        assert rows and all(holds(r["messages"][1]["content"], *r["constraint"]) for r in rows)
        kept = scripted.output(folder, f"critic-{n}")
        assert kept and not any("fail" in r["messages"][1]["content"] for r in kept)
    by = [s.by for s in written.stages("i2d2")[0].stages if s.kind == "write"]
    assert by == ["student"]  # the published form: the student of the round before says what is next
