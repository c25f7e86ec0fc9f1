"""Two processes that train one run together make the run that one process makes."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from jobs.distill.errors import RecipeInvalid
from jobs.distill.events import read
from jobs.distill.joining import wanted
from jobs.distill.ranks import Ranks, shares
from jobs.distill.rows import Example
from tests.jobs.distill import tiny
from tests.jobs.distill.forking import Forker

TRAIN = {**tiny.RECIPE["train"], "steps": 8, "teacher": "online"}


@pytest.fixture(scope="module")
def whole(engine: Forker, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one process."""
    folder = tiny.run_folder(tmp_path_factory.mktemp("whole") / "run", {"train": TRAIN})
    assert engine.run("distill", str(folder), WB_RANKS="1") == 0
    return folder


def losses(folder: Path) -> dict[tuple[str, int], float]:
    events = [e for e in read(folder / "events.jsonl") if e["type"] == "metric" and "loss" in e["values"]]
    return {(e["arm"], e["step"]): e["values"]["loss"] for e in events}


def in_both(engine: Forker, top: Path, recipe: dict[str, Any]) -> tuple[Path, Path]:
    """The same recipe in one process and in two."""
    folders = []
    for name, ranks in (("one", "1"), ("two", "2")):
        folders.append(tiny.run_folder(top / name, recipe))
        assert engine.run("distill", str(folders[-1]), WB_RANKS=ranks) == 0
    return folders[0], folders[1]


def assert_same(one: Path, two: Path) -> None:
    assert losses(one) and losses(two) == pytest.approx(losses(one), abs=1e-6)
    mine, other = (load_file(f / "adapter" / "adapter_model.safetensors") for f in (one, two))
    for name, tensor in mine.items():
        torch.testing.assert_close(other[name], tensor, atol=1e-5, rtol=1e-4)


def test_two_ranks_make_the_curve_of_one(engine: Forker, whole: Path, tmp_path: Path) -> None:
    """Cross-entropy and forward KL, student and control: losses to 1e-6, adapters alike; nothing of the second rank stays."""
    two = tiny.run_folder(tmp_path / "run", {"train": TRAIN})
    assert engine.run("distill", str(two), WB_RANKS="2") == 0
    assert_same(whole, two)
    assert {arm for arm, _ in losses(two)} == {"student", "control"}
    assert any(e["type"] == "reason" and e["field"] == "ranks" and e["value"] == 2 for e in read(two / "events.jsonl"))
    assert not (two / "ranks").exists()


@pytest.mark.slow
@pytest.mark.parametrize("method", ["distillm-2", "on-policy-distillation"])
def test_groups_and_the_students_own_answers_are_dealt_out(engine: Forker, tmp_path: Path, method: str) -> None:
    """Pairs stay together on a rank; each rank writes its part of the answers and all learn from all of them."""
    changes = {"train": {**TRAIN, "steps": 3}, "method": method, "control": False}
    assert_same(*in_both(engine, tmp_path, changes))


def test_a_rank_that_is_lost_ends_the_run_in_words(engine: Forker, tmp_path: Path) -> None:
    """The second rank is gone at its third step; the first one says so and may be tried again."""
    folder = tiny.run_folder(tmp_path / "run", {"train": TRAIN})
    code = engine.run("distill", str(folder), WB_RANKS="2", WB_FAILPOINT="rank_1_step@3")
    error = json.loads((folder / "error.json").read_text())
    assert code == 4 and error["code"] == "RANK_LOST" and error["retry"]
    assert error["message"].startswith("One of the 2 ranks ended in the middle of the run")
    assert len(losses(folder)) == 2


def test_a_stop_reaches_every_rank_and_the_run_goes_on_with_another_number(
    engine: Forker, whole: Path, tmp_path: Path
) -> None:
    cut = tiny.run_folder(tmp_path / "cut", {"train": TRAIN})
    lines = [e["type"] for e in read(whole / "events.jsonl")].index("metric") + 4
    kill = {"folder": str(cut), "events": lines, "signal": signal.SIGTERM}
    assert engine.run("distill", str(cut), kill=kill, WB_RANKS="2") == 3
    assert 0 < len(losses(cut)) < 16
    assert engine.run("distill", str(cut), WB_RANKS="1") == 0
    assert_same(whole, cut)


def example(n: int, length: int, group: str = "") -> Example:
    return Example(f"r{n}", np.ones(length, np.int32), 1, True, group=group)


def test_shares_are_whole_groups_of_like_size() -> None:
    rows = [example(n, 4 + n, f"g{n // 2}") for n in range(12)] + [example(12, 30)]
    parts = shares(rows, 3)
    assert sorted(i for part in parts for i in part) == list(range(13))
    assert all(len({n for n, part in enumerate(parts) if 2 * k in part or 2 * k + 1 in part}) == 1 for k in range(6))
    loads = [sum(len(rows[i].ids) for i in part) for part in parts]
    assert max(loads) - min(loads) <= 30
    assert shares(rows[:1], 3) == [[0], [], []]


def test_alone_everything_is_local() -> None:
    alone = Ranks()
    assert alone.leader and alone.any(True) and not alone.any(False)
    assert alone.dealt([1, 2, 3], lambda some: [2 * n for n in some]) == [2, 4, 6]
    assert alone.first(lambda: 7) == 7 and alone.share([example(0, 3)]) == [0]


def test_it_refuses_a_number_of_ranks_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WB_RANKS", "two")
    with pytest.raises(RecipeInvalid, match="'two'"):
        wanted()
    monkeypatch.setenv("WB_RANKS", "3")
    assert wanted() == 3
