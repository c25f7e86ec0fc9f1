"""Every system of the catalogue runs from its preset to its adapter on the sample models, through the command people type.

The recipe is the small form with its method, models and rows, as the studio writes it; only sizes are made small. The plan
may refuse nothing. Teachers of text are behind an address and answer in the forms that the writers ask for.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jobs.distill.catalog import SYSTEMS, expand
from jobs.distill.catalog.system import System
from jobs.distill.cli.main import main
from jobs.distill.models import inspect
from jobs.distill.recipe import Prefer, Verify, Write, parse
from tests.jobs.distill import scripted, tiny
from tests.jobs.distill.systems import sample_recipes
from tests.jobs.distill.systems.voice import Voice

pytestmark = pytest.mark.slow  # a few seconds each


@pytest.fixture(scope="module", autouse=True)
def models_are_inspected_once() -> Iterator[None]:
    """The inspection starts a limited process for every tokenizer; the sample models stay the same."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inspect, "inspect_model", functools.cache(inspect.inspect_model))
        yield


def run(system: str, folder: Path) -> Path:
    """Runs the preset as `python -m jobs.distill run` does; returns the run folder."""
    rows = sample_recipes.of(SYSTEMS[system]).rows()
    data = tiny.write_rows(folder / "rows.parquet", rows)
    with scripted.teacher(Voice(rows).says) as teacher:
        file = folder / "recipe.yaml"
        file.write_text(json.dumps(sample_recipes.recipe(SYSTEMS[system], teacher.url)))
        code = main(["run", str(file), "--data", str(data), "--out", str(folder / "run")])
    assert code == 0, why(folder / "run")
    return folder / "run"


def why(folder: Path) -> str:
    """What a run that failed said; a refused plan said it on the screen."""
    told = [folder / name for name in ("error.json", "engine.log")]
    return "\n".join(f.read_text()[-3000:] for f in told if f.exists()) or "The plan was refused."


def spelled_out(system: System) -> list[Any]:
    """The stages of the recipe that is run, those of a loop after it."""
    return [stage for _, stage in expand(parse(sample_recipes.recipe(system, "http://127.0.0.1:1/v1"))).flat()]


@pytest.mark.parametrize("id", list(SYSTEMS))
def test_it_runs_from_its_preset_to_its_adapter(id: str, tmp_path: Path) -> None:
    folder, stages = run(id, tmp_path), spelled_out(SYSTEMS[id])
    report = json.loads((folder / "report.json").read_text())

    assert {"base", "student"} <= set(report["scores"])
    for score in report["scores"].values():
        assert score["n"] == report["rows"]["heldout"] and score["low"] <= score["value"] <= score["high"]

    made = [s.name for s in stages if isinstance(s, (Write, Verify, Prefer))]
    counted = {name.rsplit(" ", 1)[0] if name not in made else name for name in report["made_rows"]}
    assert set(made) <= counted, "every stage that makes, checks or prefers rows counts them"
    for facts in (f for f in report["made_rows"].values() if "rejected" in f):
        listed = folder / "outputs" / f"{facts['file']}-rejected.jsonl"
        left_out = listed.read_text().splitlines() if listed.exists() else []
        assert facts["rejected"] == len(left_out) == sum(facts["reasons"].values())

    weights = [*folder.glob("adapter/*.safetensors"), *folder.glob("adapter/*/*.safetensors")]
    assert any(w.stat().st_size > 0 for w in weights), sorted(p.name for p in folder.iterdir())
