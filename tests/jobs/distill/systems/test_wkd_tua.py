"""Partition follows measured direct-answer accuracy; hard rows contain the call, easy rows none; tool precision reported."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.distill.tool_calls import calls_of
from tests.jobs.distill import scripted
from tests.jobs.distill.decoding import test_ways
from tests.jobs.distill.systems import written
from tests.jobs.distill.writers.speaking import row, write

CALL = '<tool_call>{{"name": "calculator", "arguments": {{"expression": "{}"}}}}</tool_call>'


def says(messages: list[dict[str, str]]) -> str:
    text = " ".join(m["content"] for m in messages)
    first, last = written.product(text)
    if "tool_response" in messages[-1]["content"]:
        return f"Answer: {last}"
    return CALL.format(f"{first} + 5") if "Solve it" in text else str(last)


@pytest.mark.slow
def test_hard_rows_hold_calls_that_were_carried_out(tmp_path: Path) -> None:
    folder, report, _ = written.run(tmp_path / "run", "wkd-tua", scripted.rows(written.SUMS), says, tries=2, longest=64)
    rows = scripted.output(folder, "who-needs-the-tool")
    hard = [r for r in rows if r["difficulty"] == "hard"]
    assert hard and all((r["direct_accuracy"] >= 0.5) == (r["difficulty"] == "easy") for r in rows)
    assert all(calls_of(r["messages"][-1]["content"]) for r in hard if r["task"] == "tool" and r["turn"] == 1)
    assert not any(calls_of(r["messages"][-1]["content"]) for r in rows if r["task"] != "tool")
    assert {"calls", "rows with a call"} <= set(report["together"]["facts"])


def test_easy_rows_hold_no_call_and_precision_counts_rows_that_needed_one() -> None:
    (easy,) = write("tool-need", row("2*3+5?", "11"), lambda turn, q: "11", tries=4)
    assert easy.fields["direct_accuracy"] == 1.0 and not calls_of(easy.answer)
    test_ways.test_calls_are_carried_out_and_precision_is_of_rows_that_needed_them()
