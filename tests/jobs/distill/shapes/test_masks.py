"""Gates stand for the cut: a model whose gates are 0 or 1 says what the cut model says."""

from dataclasses import replace

import torch

from jobs.distill.models.config import read_config
from jobs.distill.shapes.layers import layers_of, take_layers
from jobs.distill.shapes.make import _size
from jobs.distill.shapes.masks import Gates, gated
from jobs.distill.shapes.widths import Inside, Keep, cut

from .making import grouped, loaded, logits

IDS = [7, 30, 31, 12, 99, 40]


def test_hard_gates_are_the_cut_model(tmp_path):
    place = grouped(tmp_path / "m")
    config, model = read_config(place), loaded(place)
    size = _size(config)
    want = replace(size, layers=1, hidden=24, heads=2, intermediate=40)
    gates = Gates(size, want)
    z = {name: torch.ones(shape) for name, shape in gates.shapes.items()}
    z["hidden"][:, 24:], z["intermediate"][:, 40:], z["layers"][:, 1:], z["queries"][:, 1:] = 0, 0, 0, 0
    with gated(Inside.of(model, layers_of(model, config.family), size), gates, z):
        masked = logits(model, IDS)
    keep = Keep(list(range(24)), [[0, 2]] * 2, [[0, 1]] * 2, [list(range(40))] * 2, [0])
    small = type(model.config).from_dict(
        {**model.config.to_dict(), "hidden_size": 24, "num_attention_heads": 2, "head_dim": 8, "intermediate_size": 40, "num_hidden_layers": 1}
    )  # fmt: skip
    cut_model = type(model)(small).eval()
    cut_model.load_state_dict(take_layers(cut(model.state_dict(), config.family, keep, 8), config.family, keep.layers))
    torch.testing.assert_close(masked, logits(cut_model, IDS), atol=2e-5, rtol=1e-4)
