"""Linked matrices shrink together: cutting what is zero changes no logit."""

import numpy as np
import torch

from jobs.distill.models.config import read_config
from jobs.distill.shapes.calibration import batches_of
from jobs.distill.shapes.layers import layers_of
from jobs.distill.shapes.make import _size
from jobs.distill.shapes.scores import activation_scores, gradient_scores
from jobs.distill.shapes.widths import Inside

from .making import grouped, loaded, logits, made

IDS = [7, 30, 31, 12, 99, 40]


def inside(place):
    config, model = read_config(place), loaded(place)
    return model, Inside.of(model, layers_of(model, config.family), _size(config))


def test_cutting_dead_heads_and_channels_changes_nothing(tmp_path):
    place = grouped(tmp_path / "m")
    model = loaded(place)
    dim, dead = 8, [1, 2]  # one query head of each group of two
    for layer in model.model.layers:
        for head in dead:
            layer.self_attn.o_proj.weight.data[:, head * dim : (head + 1) * dim] = 0
        layer.mlp.down_proj.weight.data[:, 40:] = 0
    model.save_pretrained(place)
    folder, note = made(tmp_path, place, kind="prune_width", score="gradient", heads=2, kv_heads=2, intermediate=40)
    assert note["measured"]["kept_heads"] == [[0, 3], [0, 3]]
    torch.testing.assert_close(logits(loaded(folder), IDS), logits(model, IDS), atol=1e-5, rtol=1e-5)


def test_whole_groups_go_with_their_query_heads(tmp_path):
    folder, note = made(
        tmp_path, grouped(tmp_path / "m", 8, 4), kind="prune_width", heads=4, kv_heads=2, hidden=24, intermediate=40
    )
    for heads, groups in zip(note["measured"]["kept_heads"], note["measured"]["kept_kv_heads"], strict=True):
        assert sorted({h // 2 for h in heads}) == groups and len(heads) == 4
    attention = loaded(folder).model.layers[0].self_attn
    assert attention.q_proj.weight.shape == (4 * 4, 24) and attention.o_proj.weight.shape == (24, 4 * 4)
    assert attention.k_proj.weight.shape == attention.v_proj.weight.shape == (2 * 4, 24)


def test_activations_are_those_of_numpy(tmp_path):
    """Mean over the positions of a row, Euclidean norm over rows; a head counts by the length of its output."""
    model, parts = inside(grouped(tmp_path / "m"))
    texts, seen = [[7, 30, 31, 12], [99, 40, 8]], []

    def see(_, args):
        seen.append(args[0][0].numpy())

    hook = model.model.layers[1].self_attn.o_proj.register_forward_pre_hook(see)
    for text in texts:
        logits(model, text)
    hook.remove()
    rows = [np.linalg.norm(x.reshape(len(x), 4, 8).astype(np.float64), axis=-1).mean(0) for x in seen]
    wanted = np.sqrt(np.square(rows).sum(0))
    found = activation_scores(model, parts, batches_of(texts, 64)).heads[1].numpy()
    np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_gradients_are_the_first_order_change_of_the_loss(tmp_path):
    """|w dL/dw| over the group of an MLP channel: its row of gate and up, its column of down."""
    model, parts = inside(grouped(tmp_path / "m"))
    batches = batches_of([[7, 30, 31, 12], [99, 40, 8, 9]], 64)
    found = gradient_scores(model, parts, batches).mlp[0]
    assert all(p.grad is None for p in model.parameters())
    mlp = model.model.layers[0].mlp.requires_grad_(True)
    ids = batches[0].ids
    model(ids, labels=ids).loss.backward()
    gate, up, down = ((m.weight * m.weight.grad).abs() for m in (mlp.gate_proj, mlp.up_proj, mlp.down_proj))
    torch.testing.assert_close(found, (gate.sum(1) + up.sum(1) + down.sum(0)).double(), rtol=1e-3, atol=1e-7)
