"""Filters (entailment by a judge, length ratio) reject planted bad pairs; the second round writes with the first student and learns a length control."""

from __future__ import annotations

from pathlib import Path

from tests.jobs.distill import scripted
from tests.jobs.distill.systems import written

LONG, SHORT, OTHER = (
    "The storm closed three schools up north on Monday.",
    "The storm closed schools.",
    "Two dogs ran away.",
)
COUNT = written.Turns()


def says(messages: list[dict[str, str]]) -> str:
    turn = messages[-1]["content"]
    if turn.startswith("Text:"):
        return "Yes" if f"Claim: {SHORT}" in turn else "No"
    return (LONG, SHORT, OTHER)[COUNT.next(turn) % 3] if turn.startswith("news") else "x"


def test_planted_bad_pairs_go_and_lengths_are_told(tmp_path: Path) -> None:
    given = scripted.rows([(f"news {n}", "x") for n in range(8)])
    loose = {"by": "teacher", "samples": 6, "longest": 64}
    stages = written.stages("impossible-distillation", **loose)
    assert [s.by for s in stages if s.kind == "write"] == ["teacher", "student"] and stages[3].rows == "data"
    recipe = [s.model_dump(mode="json", exclude_defaults=True) | {"kind": s.kind} for s in stages[:3]]
    recipe[2] |= {"steps": 2, "batch_size": 4}
    written.reader(tmp_path / "student")
    folder, _ = scripted.run(tmp_path / "run", {"stages": recipe}, given, says)
    rows = scripted.output(folder, "overgenerate")
    assert rows and {r["messages"][1]["content"] for r in rows} == {SHORT}
    assert all(OTHER not in r["messages"][0]["content"] and r["ratio"] <= 0.8 for r in rows)
    assert {r["control"] for r in rows} == {"short"} and "(short)" in rows[0]["messages"][0]["content"]
    assert len(scripted.output(folder, "no-copies")) == 1  # the same pair of every text is one row
