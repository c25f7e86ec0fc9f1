"""Backward adapter maps output to instruction; rows under score k dropped; round 2 is judged by the round-1 model (stages and adapters prove it)."""

from __future__ import annotations

from pathlib import Path

from tests.jobs.distill import scripted
from tests.jobs.distill.systems import written

ROWS = [(f"tell {n}", f"story number {n}") for n in range(6)] + [(f"text number {n} is here", None) for n in range(6)] + [(f"tell {n}", f"story number {n}") for n in range(20, 24)]  # fmt: skip


def says(messages: list[dict[str, str]]) -> str:
    turn = messages[-1]["content"]
    if "Write the instruction that this text answers" in turn:
        return "please tell " + "".join(c for c in turn.split(" is")[0] if c.isdigit())
    return '{"score": 1, "reason": "poor"}' if "please tell 3" in turn else '{"score": 5, "reason": "good"}'


def test_the_stages_are_those_of_the_paper() -> None:
    turned, backward, asked, first, one, second, two = written.stages("instruction-backtranslation")
    assert backward.tasks == ["backward"] and asked.by == "student" and asked.rows == "unlabelled"
    assert first.checks[0].by == "base" and second.checks[0].by == "student"
    assert one.start == two.start == "fresh" and one.tasks == two.tasks == ["", "forward"]


def test_instructions_are_written_scored_and_dropped_under_k(tmp_path: Path) -> None:
    stages = written.stages("instruction-backtranslation", first="teacher", second="teacher", longest=64)
    recipe = [s.model_dump(mode="json", exclude_defaults=True) | {"kind": s.kind} for s in stages]
    recipe[2]["by"] = "teacher"  # the tiny backward adapter says nothing that could be read
    for s in recipe:
        if s["kind"] == "train":
            s |= {"steps": 2, "batch_size": 4}
    written.reader(tmp_path / "student")
    folder, _ = scripted.run(tmp_path / "run", {"stages": recipe, "evaluation": {"max_new_tokens": 8, "bootstrap": 100}}, scripted.rows(ROWS), says)  # fmt: skip
    turned = scripted.output(folder, "turn-round")
    assert len(turned) == 6 and all(r["messages"][0]["content"].startswith("story") and r["messages"][1]["content"].startswith("tell") for r in turned)  # fmt: skip
    made = scripted.output(folder, "instructions")
    assert len(made) == 6 and all(r["messages"][1]["content"].startswith("text number") for r in made)
    kept, out = scripted.output(folder, "first-score"), scripted.rejected(folder, "first-score")
    assert len(kept) == 5 and [r["question"] for r in out] == ["please tell 3"]
    adapters = [(p / "adapter.safetensors").read_bytes() for p in sorted((folder / "stages").glob("*-student"))]
    assert len(adapters) == 3 and len(set(adapters)) >= 2
