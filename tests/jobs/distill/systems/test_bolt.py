"""Bootstrapped rows contain the plan/reflect/answer sections; the online stage is rounds whose scores are logged."""

from __future__ import annotations

from pathlib import Path

from jobs.distill.verifiers.sections import split_sections
from tests.jobs.distill import scripted
from tests.jobs.distill.systems import written


def says(messages: list[dict[str, str]]) -> str:
    turn = messages[-1]["content"].rsplit("Question:", 1)[-1]
    first, last = written.product(turn)
    if "Solve problems as in these" not in messages[-1]["content"]:
        return str(last)
    if first == 12:
        return f"It is {last}.\nAnswer: {last}"  # planted: no reflection
    return f"Multiply: {first}.\nReflection: sure.\nAnswer: {last}"


def test_bootstrapped_rows_have_their_sections(tmp_path: Path) -> None:
    stages = written.stages("bolt", longest=64)
    loop = stages[3]
    assert [s.kind for s in loop.stages] == ["write", "verify", "prefer", "train"] and loop.stages[0].by == "student"
    assert loop.rounds == 2 and loop.stages[1].fails == "mark" and loop.stages[3].terms[0].type == "dpo"
    recipe = [s.model_dump(mode="json", exclude_defaults=True) | {"kind": s.kind} for s in (*stages[:3], stages[4])]
    recipe[2] |= {"steps": 2, "batch_size": 4}
    written.reader(tmp_path / "student")
    evaluation = {"max_new_tokens": 8, "bootstrap": 100}
    folder, _ = scripted.run(
        tmp_path / "run", {"stages": recipe, "evaluation": evaluation}, scripted.rows(written.SUMS), says
    )
    rows, out = scripted.output(folder, "sections"), scripted.rejected(folder, "bootstrap")
    assert len(rows) == 7 and "'Reflection' is missing" in out[0]["reason"]
    for r in rows:
        parts = split_sections(r["messages"][1]["content"], ("Plan", "Reflection", "Answer"))
        assert list(parts) == ["Plan", "Reflection", "Answer"] and parts["Answer"] == r["gold"]
