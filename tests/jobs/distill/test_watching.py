from __future__ import annotations

from pathlib import Path

import pytest
import torch

from jobs.distill.events import Events, read
from jobs.distill.recipe import Watch
from jobs.distill.rows import Row
from jobs.distill.run import distill
from jobs.distill.watching import falling, repeats, rising, watched_rows
from tests.jobs.distill import tiny


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def rows(n: int) -> list[Row]:
    return [Row(f"r{i}", ({"role": "user", "content": "q"},), "ab"[i % 2], "train", i, i % 4 != 0) for i in range(n)]


def test_the_slice_is_labelled_rows_only_and_at_most_a_fifth() -> None:
    chosen = watched_rows(rows(40), [Watch(every=5, rows=64)])
    assert len(chosen) == 6 and all(r.labelled for r in chosen)
    assert watched_rows(rows(40), [Watch()]) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [("one two three four", False), ("no no no no", True), ("so it is so it is so it is so it is", True), ("", False)],
)
def test_it_hears_a_piece_said_over_and_over(text: str, found: bool) -> None:
    assert repeats(text) is found


def test_a_trend_takes_three_looks() -> None:
    assert rising([0.1, 0.2, 0.3]) and falling([0.9, 0.3, 0.2, 0.1])
    assert not rising([0.2, 0.3]) and not falling([0.3, 0.3, 0.1])


def watched_run(tmp_path: Path, **watch: object) -> tuple[dict, list[dict]]:
    stage = {
        "kind": "train",
        "terms": [{"type": "cross-entropy"}],
        "steps": 12,
        "batch_size": 6,
        "learning_rate": 0.02,
        "watch": {"every": 3, "rows": 4, **watch},
    }
    folder = tiny.run_folder(
        tmp_path / "run",
        {"method": None, "train": {}, "stages": [stage]},
        tiny.rows(labelled=24, unlabelled=0, heldout=4),
    )
    events = Events(folder)
    return distill(folder, events), list(read(events.path))


def test_it_keeps_the_best_and_never_trains_on_what_it_watches(tmp_path: Path) -> None:
    report, heard = watched_run(tmp_path, keep="best")
    looks = [e["values"] for e in heard if e["type"] == "metric" and "watched.score" in e["values"]]
    assert len(looks) == 4 and all(v["watched.loss"] > 0 and "watched.agreement" in v for v in looks)
    outcome = report["training"]["00-student"]
    best = max(range(4), key=lambda i: looks[i]["watched.score"])
    assert outcome["best_step"] == 3 * (best + 1)
    assert outcome["steps"] == 12


def test_it_ends_when_looks_bring_nothing_more(tmp_path: Path) -> None:
    """The score of random models on four rows stays 0, so the second look is the first without a better score."""
    report, heard = watched_run(tmp_path, patience=1)
    outcome = report["training"]["00-student"]
    assert outcome["stopped_early"] and outcome["steps"] == 6
    assert any(e["type"] == "reason" and e["field"] == "train.steps" for e in heard)
