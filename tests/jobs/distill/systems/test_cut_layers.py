"""Sweep of kept layers trains and reports accuracy against latency; k=all equals baseline."""

import pytest
import torch

from .shaping import plain, run


@pytest.mark.slow
def test_a_sweep_reports_score_and_time_and_all_layers_are_the_baseline(tmp_path):
    found = {}
    for layers in (1, 4):
        place, report = run(tmp_path / str(layers), "cut-layers", {"layers": layers}, steps=3, teacher=None)
        found[layers] = report["scores"]["student"]["value"], report["seconds"]["evaluate"]
        assert len(plain(place / "student").model.layers) == layers
    assert all(score >= 0 and seconds > 0 for score, seconds in found.values())
    whole, base = plain(tmp_path / "4" / "cut-layers" / "student"), plain(tmp_path / "4" / "student")
    assert all(torch.equal(whole.state_dict()[n], t) for n, t in base.state_dict().items())


@pytest.mark.slow
def test_all_layers_train_exactly_as_the_model_itself(tmp_path):
    place, cut = run(tmp_path, "cut-layers", {"layers": 4}, steps=3, teacher=None)
    same, plain_run = run(tmp_path, "sft", {}, steps=3, teacher=None)
    adapters = [(p / "adapter" / "adapter_model.safetensors").read_bytes() for p in (place, same)]
    assert adapters[0] == adapters[1]
    assert cut["scores"]["student"] == plain_run["scores"]["student"]
