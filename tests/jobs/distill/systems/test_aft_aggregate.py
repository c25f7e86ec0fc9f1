"""Rows contain N drafts + aggregation; loss masks drafts; propose-aggregate beats a single draft on toy EM."""

from __future__ import annotations

from pathlib import Path

from jobs.distill.rows import Row
from tests.jobs.distill import scripted
from tests.jobs.distill.decoding import test_ways
from tests.jobs.distill.systems import duo, written

COUNT = written.Turns()


def says(messages: list[dict[str, str]]) -> str:
    turn = messages[-1]["content"]
    _, last = written.product(turn)
    return str(last) if "drafts answer it" in turn else str(last + COUNT.next(turn) % 2)


def test_rows_hold_drafts_that_are_not_learnt(tmp_path: Path) -> None:
    folder, report, _ = written.run(
        tmp_path / "run", "aft-aggregate", scripted.rows(written.SUMS), says, drafter="teacher", drafts=3, longest=16
    )
    rows = scripted.output(folder, "drafts-and-answer")
    assert len(rows) == 8 and all(len(r["drafts"]) == 3 for r in rows)
    for r in rows:
        example = duo.RENDERER.example(
            Row("r", tuple(r["messages"][:-1]), r["messages"][-1]["content"], "train", 0, False)
        )
        learnt, read = (
            duo.RENDERER.decode(part) for part in (example.ids[example.start :], example.ids[: example.start])
        )
        assert learnt == r["gold"] and all(f"Draft {k}:\n{d}" in read for k, d in enumerate(r["drafts"], 1))
    assert {"one draft", "vote of the drafts"} <= set(report["together"]["alone"])


def test_putting_together_beats_a_single_draft() -> None:
    test_ways.test_drafts_put_together_beat_a_single_draft()
