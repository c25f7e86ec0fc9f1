from __future__ import annotations

from typing import Any

import pytest

from jobs.distill.catalog import SYSTEMS, options_schema
from jobs.distill.recipe import Adapter, Evaluation, TrainOptions
from workbench.studio import forms, paths


@pytest.mark.parametrize(
    ("prefix", "model"), [("student.adapter", Adapter), ("train", TrainOptions), ("evaluation", Evaluation)]
)
def test_it_shows_the_words_of_the_schema(prefix: str, model: Any) -> None:
    shown = {
        i.path: i
        for i in forms.all_inputs()
        if i.path.startswith(prefix + ".") and i.path.count(".") == prefix.count(".") + 1
    }
    assert shown
    for path, item in shown.items():
        field = model.model_fields[path.rpartition(".")[2]]
        assert (item.title, item.help) == (field.title, field.description or "")


@pytest.mark.parametrize("name", SYSTEMS)
def test_it_makes_a_field_of_every_option_of_a_method(name: str) -> None:
    inputs = {i.path: i for i in forms.option_inputs(options_schema(SYSTEMS[name]), {"options": {}})}
    assert set(inputs) == {f"options.{o}" for o in SYSTEMS[name].options}
    assert all(inputs[f"options.{o}"].help == option.help for o, option in SYSTEMS[name].options.items())


def test_it_keeps_what_the_form_does_not_show() -> None:
    fields = {"data": {"roles": {"user": "text"}}, "student": {"model": "a", "sha256": "0" * 64}}
    out = forms.parse({"student.model": "b"}, fields)
    assert out == {"data": {"roles": {"user": "text"}}, "student": {"model": "b", "sha256": "0" * 64}}


def test_it_drops_what_is_empty_or_the_default() -> None:
    fields = {"student": {"adapter": {"rank": 8}}, "control": False}
    assert forms.parse({"student.adapter.rank": "16", "control:shown": "1", "control": "on"}, fields) == {}


def test_it_switches_off_what_is_not_ticked() -> None:
    assert forms.parse({"control:shown": "1"}, {}) == {"control": False}


def test_it_reads_several_layers() -> None:
    assert paths.get(forms.parse({"student.adapter.targets": "q_proj, v_proj"}, {}), "student.adapter.targets") == [
        "q_proj",
        "v_proj",
    ]
    assert forms.parse({"student.adapter.targets": "all-linear"}, {}) == {}


def test_it_sets_a_value_inside_a_list_and_never_makes_the_list_longer() -> None:
    data: dict[str, Any] = {"stages": [{"terms": [{"weight": 1}]}]}
    paths.put(data, "stages.0.terms.0.weight", 2)
    paths.put(data, "stages.0.terms.7", {})
    assert data == {"stages": [{"terms": [{"weight": 2}]}]}
