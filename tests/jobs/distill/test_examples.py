from __future__ import annotations

from pathlib import Path

import pytest

from jobs.distill import recipe as recipes
from jobs.distill.catalog import expand
from jobs.distill.plan.facts import DeviceFacts
from jobs.distill.prepare import Overrides, compile_plan, find
from jobs.samples.catalog import RECIPE

EXAMPLES = sorted((Path(__file__).resolve().parents[3] / "examples").glob("*.yaml"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_it_is_a_recipe_that_can_run_here(path: Path) -> None:
    recipe = recipes.load(path)
    assert recipes.parse(recipes.to_dict(recipe)) == recipe
    plan = compile_plan(recipe, find(recipe, Overrides(), path.parent), DeviceFacts(memory_bytes=2**33, cores=2))
    assert plan.ok, [p.message for p in plan.refusals]
    assert plan.recipe.stages == expand(plan.recipe).stages


def test_the_first_example_is_the_sample_run() -> None:
    sample = recipes.parse(RECIPE)
    assert recipes.load(EXAMPLES[[p.stem for p in EXAMPLES].index("llm-neo")]) == sample
