"""A shaped model is a folder that plain transformers loads, the same bytes for the same seed."""

import json

import pytest
import torch

from jobs.distill.errors import PlanRefused
from jobs.distill.models.folder import manifest_sha256
from jobs.distill.models.inspect import inspect_model
from jobs.distill.plan.shape import shaped_facts
from jobs.distill.shapes.make import make
from tests.jobs.distill import tiny

from .making import loaded, made, shape_of

IDS = [7, 30, 31, 12, 99, 40]


@pytest.mark.parametrize(
    ("fields", "kept"),
    [
        ({"layers": 2}, [0, 1]),
        ({"keep": "last", "layers": 2}, [2, 3]),
        ({"keep": "every", "every": 3}, [0, 3]),
        ({"keep": "listed", "listed": [3, 1]}, [3, 1]),
    ],
)
def test_it_keeps_the_weights_of_the_layers_it_keeps(tmp_path, fields, kept):
    model = tiny.model(tmp_path / "m", 1, layers=4)
    folder, _ = made(tmp_path, model, kind="truncate", **fields)
    before, after = loaded(model).state_dict(), loaded(folder).state_dict()
    for new, old in enumerate(kept):
        name = "mlp.down_proj.weight"
        assert torch.equal(after[f"model.layers.{new}.{name}"], before[f"model.layers.{old}.{name}"])
    assert f"model.layers.{len(kept)}.mlp.down_proj.weight" not in after


def test_the_same_seed_makes_the_same_bytes(tmp_path):
    model = tiny.model(tmp_path / "m", 1, layers=3)
    masks = {"kind": "prune_width", "score": "l0_mask", "intermediate": 40, "steps": 5}
    first, second = (made(tmp_path, model, out=n, seed=4, **masks)[0] for n in ("a", "b"))
    assert manifest_sha256(first) == manifest_sha256(second)
    assert (first / "model.safetensors").read_bytes() == (second / "model.safetensors").read_bytes()


def test_its_number_format_is_the_models_own(tmp_path):
    model = tiny.model(tmp_path / "m", 1, layers=3)
    loaded(model).to(torch.bfloat16).save_pretrained(model)
    folder, _ = made(tmp_path, model, kind="prune_depth", layers=2)
    assert inspect_model(folder).dtype == "bfloat16"


def test_its_note_and_card_say_what_it_is(tmp_path):
    folder, note = made(tmp_path, tiny.model(tmp_path / "m", 1, layers=4), kind="truncate", layers=1)
    assert note["sha256"] == manifest_sha256(folder)
    assert json.loads((folder / "SHAPE.json").read_text()) == note
    assert f"{note['parameters']['after']:,} parameters" in (folder / "README.md").read_text()


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "truncate", "layers": 3},
        {"kind": "prune_depth", "share": 0.5},
        {"kind": "prune_width", "hidden": 24, "heads": 1, "intermediate": 40},
    ],
)
def test_the_plan_knows_its_parameters_beforehand(tmp_path, fields):
    """Without weights, from sizes alone, and exactly."""
    model = tiny.model(tmp_path / "m", 1, layers=4)
    folder, _ = made(tmp_path, model, **fields)
    planned, there = shaped_facts(inspect_model(model), shape_of(**fields)), inspect_model(folder)
    assert planned.parameters == there.parameters
    assert (planned.layers, planned.hidden_size, planned.heads) == (there.layers, there.hidden_size, there.heads)
    assert planned.linears == there.linears


def test_what_cannot_be_is_refused_in_words(tmp_path):
    model = tiny.model(tmp_path / "m", 1)
    with pytest.raises(PlanRefused, match="5 layers are to be kept, but the model has only 2"):
        made(tmp_path, model, kind="truncate", layers=5)
    with pytest.raises(PlanRefused, match="must read some rows"):
        make(model, tmp_path / "none", shape_of(kind="prune_depth", layers=1), key="m")
    assert not (tmp_path / "none").exists()
