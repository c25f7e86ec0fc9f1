"""Variant tree stored with depth; verifier (numeric) accepts only right ones; the solve rate by depth is reported."""

from __future__ import annotations

from pathlib import Path

from tests.jobs.distill import scripted
from tests.jobs.distill.systems import written


def says(messages: list[dict[str, str]]) -> str:
    turn = messages[-1]["content"]
    if "easier variants" not in turn:
        return "1"
    problem = turn.split("\n")[0]
    if "What is" in problem:
        return "1. What is one plus one? || 1 + 1"
    first, _ = written.product(problem)
    return f"1. What is {first} plus 5? || {first} + 5\n2. What is this again? || it is {first}"


def test_variants_have_depth_and_computed_answers_and_rates_are_told(tmp_path: Path) -> None:
    folder, report, _ = written.run(
        tmp_path / "run",
        "ladder",
        scripted.rows(written.SUMS),
        says,
        by="teacher",
        longest=64,
        answer_tokens=8,
        answers=2,
    )
    rows = scripted.output(folder, "variants")
    assert {r["depth"] for r in rows} == {1, 2} and all(r["variant"].count(".") == r["depth"] - 1 for r in rows)
    assert all(r["messages"][-1]["content"] == r["gold"] for r in rows)
    assert not any("again" in r["messages"][0]["content"] for r in rows)  # its expression is no arithmetic
    rates = report["solve_rate_by_depth"]
    assert set(rates) == {"0", "1", "2"} and all(0 <= r["rate"] <= 1 and r["rows"] > 0 for r in rates.values())
