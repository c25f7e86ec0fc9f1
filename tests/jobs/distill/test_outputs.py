from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from jobs.distill.answers import Said
from jobs.distill.evaluate import Judged
from jobs.distill.outputs import keep
from jobs.distill.rows import Row
from jobs.distill.scores import PerRow


def row(name: str, answer: str | None, **fields: str) -> Row:
    return Row(name, ({"role": "user", "content": f"{name}?"},), answer, "train", 1, answer is not None, fields)


def judged(**said: Said) -> Judged:
    return Judged(PerRow(np.ones(len(said)), np.ones(len(said))), said)


def lines(folder: Path, who: str) -> list[dict]:
    return [json.loads(line) for line in (folder / "outputs" / f"{who}.jsonl").read_text().splitlines()]


def test_it_keeps_what_models_said_as_conversations(tmp_path: Path) -> None:
    train, heldout = (
        [row("a", None, domain="cards", secret="x"), row("b", "gold")],
        [row("h", "right"), row("i", "also")],
    )
    arms = {
        "student": judged(h=Said("ü said", True, 2), i=Said("cut off at", False, 9)),
        "Teacher 2/x": judged(h=Said(" ", True, 1)),
    }
    kept = keep(tmp_path, train, heldout, {"a": "written"}, arms)
    assert kept == {
        "teacher": {"rows": 1},
        "heldout-student": {"rows": 1, "cut": 1},
        "heldout-teacher-2-x": {"rows": 0, "cut": 1},
    }
    (one,) = lines(tmp_path, "teacher")
    assert one == {"id": "a", "split": "train", "gold": None, "domain": "cards",
        "messages": [{"role": "user", "content": "a?"}, {"role": "assistant", "content": "written"}]}  # fmt: skip
    (two,) = lines(tmp_path, "heldout-student")
    assert (two["messages"][-1]["content"], two["gold"], two["split"]) == ("ü said", "right", "heldout")


def test_a_run_that_asks_nobody_keeps_nothing(tmp_path: Path) -> None:
    assert keep(tmp_path, [row("a", "x")], [row("h", "y")], {}, {"student": judged()}) == {}
    assert not (tmp_path / "outputs").exists()
