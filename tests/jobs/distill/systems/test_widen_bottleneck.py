"""Tree run yields >=1 verified path and one sibling wrong step per question; length histogram flat per bucket; lengths fall to those of the paths."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.jobs.distill import scripted
from tests.jobs.distill.systems import written

ODD = written.Turns()


def says(messages: list[dict[str, str]]) -> str:
    turn = messages[-1]["content"]
    first, last = written.product(turn)
    if "Write the next step" not in turn and "finish the solution" not in turn:
        return str(last)
    good = f"It is {first}." + " Sure." * (first % 5)
    if "Write the next step" in turn:
        return [good, "It is 1."][ODD.next(turn) % 2]
    return f"So {last}.\nAnswer: {last}" if f"It is {first}." in turn else "So 6.\nAnswer: 6"


def test_each_question_gives_a_path_and_a_mistake_beside_it(tmp_path: Path) -> None:
    folder, report, _ = written.run(
        tmp_path / "run",
        "widen-bottleneck",
        scripted.rows(written.SUMS),
        says,
        longest=24,
        rounds=1,
        width=2,
        share=0.4,
    )
    rows = scripted.output(folder, "search")
    assert len({r["lineage"]["parents"][0] for r in rows}) == len(rows) >= 6
    for r in rows:
        assert (
            r["chosen"] != r["rejected"] and r["tree"]["right"] in r["chosen"] and r["tree"]["wrong"] in r["rejected"]
        )
        assert r["final"] == r["gold"] and f"Answer: {r['gold']}" not in r["rejected"]
    kept = scripted.output(folder, "even-lengths")
    most = -(-len(rows) * 2 // 5)
    assert max(Counter(r["length"].bit_length() for r in kept).values()) <= most
    assert report["tokens_per_answer"]["student"] <= 24 and len(report["trained"]) == 2
