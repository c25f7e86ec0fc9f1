"""Recovered A/B have zeros at pruned dims; full model + recovered adapter improves dev loss over base."""

import torch

from jobs.distill.students.pruned import kept_units, pruned
from tests.jobs.distill.students.small import adapted, base, logits

from .adapting import loss, run, train


def test_the_recovered_adapter_is_zero_where_units_were_away_and_improves_the_whole_model():
    model, before = adapted(), logits(base())
    first = float(loss(model.eval()))
    with pruned(model, 0.5):
        mlp = model.get_base_model().model.layers[0].mlp
        assert mlp.gate_proj.base_layer.weight.shape == (32, 32)  # half of 64 units
        train(model, 10)
    with model.disable_adapter():
        assert torch.equal(logits(model), before)
    kept = kept_units(mlp, 0.5)
    away = torch.tensor([i for i in range(64) if i not in set(kept.tolist())])
    for layer, factor, dim in ((mlp.gate_proj, "lora_B", 0), (mlp.up_proj, "lora_B", 0), (mlp.down_proj, "lora_A", 1)):
        weight = getattr(layer, factor)["default"].weight
        assert not bool(weight.index_select(dim, away).any()) and bool(weight.index_select(dim, kept).any())
    assert float(loss(model.eval())) < first


def test_the_system_trains(tmp_path):
    assert run(tmp_path, "loram", pruned=0.5)["scores"]["student"]["value"] >= 0
