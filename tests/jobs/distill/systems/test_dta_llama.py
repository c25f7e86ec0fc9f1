"""DAG rows topologically valid; independent calls share a step; steps per task fall."""

from __future__ import annotations

import json
from pathlib import Path

from jobs.distill.tool_calls import Call, calls_of
from tests.jobs.distill import scripted
from tests.jobs.distill.systems import written


def trace(n: int) -> dict[str, object]:
    """Two searches that need nothing, each followed by a price that needs its result."""
    turns = [{"role": "user", "content": f"red{n} blue{n}"}]
    for name, arguments, result in (("find", {"q": f"red{n}"}, f"c{n}7"), ("price", {"id": f"c{n}7"}, "20"), ("find", {"q": f"blue{n}"}, f"t{n}8"), ("price", {"id": f"t{n}8"}, "90")):  # fmt: skip
        turns += [{"role": "assistant", "content": Call(name, arguments).text}, {"role": "user", "content": f"<tool_response>\n{result}\n</tool_response>"}]  # fmt: skip
    return {
        "row_id": f"row-{n:03d}", "messages": turns, "answer": "110", "split": "train" if n < 6 else "heldout", "line": n,
        "source_id": None, "fields": None,
    }  # fmt: skip


def test_paths_become_graphs_with_fewer_steps(tmp_path: Path) -> None:
    folder, report, _ = written.run(tmp_path / "run", "dta-llama", [trace(n) for n in range(9)], lambda m: "110")
    rows = scripted.output(folder, "parallel")
    assert len(rows) == 18 and all(r["steps"] == 2 < 4 == r["serial_steps"] for r in rows)
    for r in rows:
        if r["task"] == "call":
            calls = calls_of(r["messages"][-1]["content"])
            assert len(calls) == 2 == len(r["calls"])
            read = json.dumps(r["messages"][:-1])
            assert all(
                str(v) in read for c in calls for v in c.arguments.values()
            )  # everything it uses is known by then
    assert len(report["trained"]) == 1
