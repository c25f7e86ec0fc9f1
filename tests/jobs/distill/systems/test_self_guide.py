"""From one instruction and 3 examples N rows are made; noise/length filters logged; no teacher endpoint is named."""

from __future__ import annotations

from pathlib import Path

from tests.jobs.distill import scripted
from tests.jobs.distill.systems import written

COUNT = written.Turns()
NAMES = [
    f"{a} {b} {c}" for a in ("red", "blue", "green") for b in ("cat", "dog", "fox") for c in ("sings", "runs", "hides")
]


def says(messages: list[dict[str, str]]) -> str:
    turn = messages[-1]["content"]
    if "Write one more input" in turn:
        k = COUNT.next("all")
        return "?!?" if k % 5 == 4 else "word " * 60 if k % 5 == 3 else NAMES[k % len(NAMES)]
    return "animal"


def test_rows_are_made_and_filters_are_logged(tmp_path: Path) -> None:
    given = scripted.rows([(f"my horse eats {n}", "animal") for n in range(8)])
    folder, report, _ = written.run(
        tmp_path / "run", "self-guide", given, says, by="teacher", rows=20, instruction="Name the kind.", longest=64
    )
    rows, out = scripted.output(folder, "make-rows"), scripted.rejected(folder, "make-rows")
    assert len(rows) + len(out) == 20 and rows and all(len(r["lineage"]["parents"]) == 3 for r in rows)
    assert {r["reason"].split(":")[0] for r in out if r["code"] == "unusable"} == {"noise", "length"}
    assert report["made_rows"]["make rows"]["rejected"] == len(out)


def test_nobody_but_the_student_is_asked() -> None:
    stages = written.stages("self-guide")
    assert stages[0].by == "base" and all(t.type == "cross-entropy" for t in stages[2].terms)
