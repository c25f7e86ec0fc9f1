"""Values, settings and the budget of a race."""

from __future__ import annotations

import pytest

from jobs.distill.errors import RecipeInvalid
from workbench.sweeps.settings import Axis, Race, changed, settings_of, values_of, with_budget

RANKS, RATES = Axis("student.adapter.rank", (8, 16)), Axis("train.learning_rate", (0.001, 0.002))


def test_it_reads_values_as_people_write_them() -> None:
    assert values_of("8, 16 ,32,8") == (8, 16, 32)
    assert values_of("1e-3, .5, true, cosine") == (0.001, 0.5, True, "cosine")
    assert values_of('"a, b", "c"') == ("a, b", "c") and values_of(" , ") == ()
    assert values_of("1, true") == (1, True), "one and yes are two values"


def test_a_grid_has_every_combination_and_a_list_goes_along() -> None:
    assert len(settings_of([RANKS, RATES], "grid")) == 4
    assert settings_of([RANKS, RATES], "list")[1] == {"student.adapter.rank": 16, "train.learning_rate": 0.002}


@pytest.mark.parametrize(
    ("axes", "mode", "words"),
    [
        ([], "grid", "No field has values"),
        ([Axis("seed", ())], "grid", "no values"),
        ([RANKS, RANKS], "grid", "twice"),
        ([RANKS, Axis("seed", (1, 2, 3))], "list", "has 2, .* has 3"),
        (
            [Axis("seed", tuple(range(9))), Axis("train.steps", tuple(range(1, 9)))],
            "grid",
            "72 settings; a sweep has at most 64",
        ),
    ],
)
def test_it_says_what_makes_no_sweep(axes: list[Axis], mode: str, words: str) -> None:
    with pytest.raises(RecipeInvalid, match=words):
        settings_of(axes, mode)


def test_it_refuses_a_path_into_nothing() -> None:
    with pytest.raises(RecipeInvalid, match="no place stages.3.learning_rate"):
        changed({"stages": [{"kind": "train"}]}, {"stages.3.learning_rate": 0.1})


def test_a_race_halves_and_its_last_round_trains_in_full() -> None:
    race = Race(keep=2, rounds=3)
    assert race.sizes(7) == [7, 4, 2] and [race.share(r) for r in range(3)] == [0.25, 0.5, 1.0]
    recipe = {"method": "llm-neo", "train": {"steps": 240}}
    assert [with_budget(recipe, race.share(r))["train"]["steps"] for r in range(3)] == [60, 120, 240]
    assert recipe["train"]["steps"] == 240, "the recipe itself stays"


def test_a_race_shortens_stages_and_the_methods_own_length() -> None:
    stages = {"stages": [{"kind": "generate"}, {"kind": "train", "epochs": 2}]}
    assert with_budget(stages, 0.5)["stages"][1]["epochs"] == 1.0
    default = with_budget({"method": "llm-neo"}, 0.5)["train"]
    assert default.get("epochs") or default.get("steps")
    with pytest.raises(RecipeInvalid, match="neither epochs nor steps"):
        with_budget({"stages": [{"kind": "train"}]}, 0.5)
