import pytest
import torch

from jobs.distill.shapes.prune_depth import best_layers
from tests.jobs.distill import tiny

from .making import loaded, made


def test_it_keeps_the_best_and_the_protected():
    assert best_layers([0.1, 0.9, 0.5, 0.2], 2) == [1, 2]
    assert best_layers([0.1, 0.9, 0.5, 0.2], 2, first=1) == [0, 1]
    assert best_layers([0.1, 0.9, 0.5, 0.2], 2, first=1, last=1) == [0, 3]


@pytest.mark.parametrize("score", ["block_influence", "perplexity"])
def test_it_leaves_out_the_layer_that_does_nothing(tmp_path, score):
    """A layer whose output projections are 0 hands on what it is given: score 0."""
    place = tiny.model(tmp_path / "m", 1, layers=4)
    model = loaded(place)
    for matrix in (model.model.layers[2].self_attn.o_proj, model.model.layers[2].mlp.down_proj):
        torch.nn.init.zeros_(matrix.weight)
    model.save_pretrained(place)
    _, note = made(tmp_path, place, kind="prune_depth", score=score, layers=3)
    scores = note["measured"]["scores"]
    assert scores[2] == pytest.approx(0, abs=1e-6)
    assert note["measured"]["kept_layers"] == best_layers(scores, 3)
    if score == "block_influence":  # never below 0; the loss of a model that learnt nothing may fall without a layer
        assert 2 not in note["measured"]["kept_layers"]
