"""Two real steps: figures in the place of estimates, and nothing left behind."""

import json
from pathlib import Path

import pytest
import torch

from jobs.distill.device import peak_memory
from jobs.distill.dry_run import dry_run, shortened
from jobs.distill.events import Events
from jobs.distill.recipe import load
from tests.jobs.distill import tiny


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def test_it_measures_two_steps_and_leaves_only_its_figures(tmp_path: Path) -> None:
    folder = tiny.run_folder(tmp_path / "run")
    before = {p.name for p in folder.iterdir()}
    plan = {
        "recipe": None,
        "seconds": 100.0,
        "stages": [{"name": "distil", "kind": "train", "steps": 12, "seconds": 60.0}],
    }
    from jobs.distill import recipe as recipes
    from jobs.distill.session import expand

    full = expand(load(folder / "recipe.yaml"))
    plan["stages"][0]["name"] = next(s.name for s in full.stages if s.kind == "train")
    plan["recipe"] = recipes.to_dict(full)
    (folder / "plan.json").write_text(json.dumps(plan))
    events = Events(folder)
    found = dry_run(folder, events)
    events.close()

    assert json.loads((folder / "dry_run.json").read_text()) == found
    assert 0 < found["seconds_per_step"] < 5
    assert 10 * 2**20 < found["peak_memory_bytes"] <= peak_memory()
    assert found["seconds_estimate"] == pytest.approx(40 + 12 * found["seconds_per_step"], abs=1e-3)
    assert set(found["terms"]) == {"cross-entropy", "forward-kl"}
    assert all(t["value"] > 0 and t["grad_norm"] > 0 for t in found["terms"].values())
    assert {p.name for p in folder.iterdir()} == before | {"plan.json", "dry_run.json", "events.jsonl"}


def test_it_takes_two_steps_over_the_rows_of_two_batches(tmp_path: Path) -> None:
    from jobs.distill.session import expand

    short = shortened(expand(load(tiny.run_folder(tmp_path / "run") / "recipe.yaml")))
    stage = next(s for s in short.stages if s.kind == "train")
    assert (stage.steps, stage.epochs, stage.watch.every, short.data.limit, short.control) == (2, None, None, 12, False)


def test_what_a_stage_writes_is_shown_from_a_few_rows(tmp_path: Path) -> None:
    from tests.jobs.distill import scripted

    write = {
        "kind": "write",
        "name": "answers",
        "writer": "answers",
        "max_new_tokens": 8,
        "candidates": 4,
        "temperature": 1.0,
    }
    check = {"kind": "verify", "name": "check", "checks": [{"type": "numeric"}]}
    train = {"kind": "train", "name": "learn", "steps": 9, "batch_size": 4, "learning_rate": 0.01, "rows": "all", "terms": [{"type": "cross-entropy"}]}  # fmt: skip
    given = scripted.rows([(f"{n} + 1", str(n + 1)) for n in range(16)])
    with scripted.teacher(lambda messages: "5" if "1 + 1" in messages[-1]["content"] else "I refuse") as teacher:
        folder = scripted.run_folder(tmp_path / "run", {"stages": [write, check, train]}, given, teacher.url)
        events = Events(folder)
        found = dry_run(folder, events)
        events.close()
    assert [stage["name"] for stage in found["written"]] == ["answers", "check"]
    rows = found["written"][0]["made"]
    assert 1 <= len(rows) <= 5 and all(r["answer"] in ("5", "I refuse") for r in rows)
    assert {False} == {r["checks"]["numeric"] for r in found["written"][1]["made"]}
    assert len(teacher.asked) <= 10 and found["seconds_per_step"] > 0
