"""V-O reproduce outputs to 1e-5 before training; only singular values require grad."""

import torch

from jobs.distill.students.clover import factors
from jobs.distill.students.lora import trainable
from tests.jobs.distill.students.small import adapted, base, logits

from .adapting import run, train


def rebuilt(model, values=None):
    """The model with V^T as its value and U S as its output matrices."""
    for i, layer in enumerate(model.model.layers):
        u, s, vh = factors(layer.self_attn, 16)
        s = s if values is None else values[i].view_as(s)
        layer.self_attn.v_proj.weight.data = vh.flatten(0, 1)
        layer.self_attn.o_proj.weight.data = torch.cat(list(u * s[:, None]), 1)
    return model


def test_the_decomposition_computes_what_the_model_does():
    assert float((logits(rebuilt(base())) - logits(base())).abs().max()) < 1e-5


def test_only_singular_values_are_trained_and_mean_the_same_in_both_forms():
    model = adapted(type="clover")
    assert all("lora_singular" in n for n in trainable(model))
    assert sum(p.numel() for p in trainable(model).values()) == 2 * 32
    losses = train(model, 5, 0.05)
    assert losses[-1] < losses[0]
    values = [p.detach() for p in trainable(model).values()]
    assert float((logits(rebuilt(base(), values)) - logits(model)).abs().max()) < 1e-4


def test_the_system_trains(tmp_path):
    assert run(tmp_path, "clover")["scores"]["student"]["value"] >= 0
