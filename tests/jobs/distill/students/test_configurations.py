"""Every way to adapt the student, at tiny scale: base untouched, silent at first, learns, loads in plain peft."""

from __future__ import annotations

import warnings

import pytest
import torch
import torch.nn.functional as F

from jobs.distill.catalog.parts.adapters import ADAPTER_KINDS
from jobs.distill.students.lora import trainable, training_mode

from .small import IDS, adapted, base, logits, reloaded

STARTS = ("gaussian", "orthogonal", "pissa", "olora", "eva", "corda", "lora_ga")
OPTIONS = {
    "oft": {"oft_block_size": 8}, "boft": {"boft_block_size": 4}, "fourierft": {"n_frequency": 50}, "c3a": {"block_size": 16},
    "waveft": {"n_frequency": 50}, "vblora": {"num_vectors": 8, "vector_length": 16}, "road": {"group_size": 16},
}  # fmt: skip
CONFIGURATIONS = {
    **{kind: {"type": kind, "options": OPTIONS.get(kind, {})} for kind in ADAPTER_KINDS},
    **{start: {"start": start} for start in STARTS},
    "rslora": {"rslora": True},
    "dora": {"dora": True},
    "moslora": {"mixer": True},
    "velora": {"velora": {"groups": 8}},
    "head": {"head": True},
    "some layers": {"targets": ["q_proj", "down_proj"]},
    "pissa on some layers": {"start": "pissa", "targets": ["q_proj", "down_proj"], "head": True},
}
RATES = {"delora": 1e-4, "randlora": 1e-4}


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_it_learns_on_an_untouched_base_and_loads_in_plain_peft(name, tmp_path):
    warnings.filterwarnings("ignore")
    given, plain = CONFIGURATIONS[name], logits(base())
    model = adapted(**given)

    fresh = logits(model)
    if ADAPTER_KINDS[given.get("type", "lora")].silent:
        kl = F.kl_div(fresh.log_softmax(-1), plain.log_softmax(-1), log_target=True, reduction="none")
        assert abs(float(kl.sum(-1).mean())) <= 1e-7
        assert float((fresh - plain).abs().max()) < 1e-5

    training_mode(model)
    parameters = list(trainable(model).values())
    optimizer = torch.optim.AdamW(parameters, lr=RATES.get(name, 2e-3))
    losses = []
    for _ in range(3):
        loss = F.cross_entropy(model(input_ids=IDS).logits[:, :-1].flatten(0, 1), IDS[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        assert all(p.grad is not None for p in parameters)
        optimizer.step()
        losses.append(float(loss))
    assert losses[-1] < losses[0]

    trained = logits(model)
    with model.disable_adapter():
        assert torch.equal(logits(model), plain)
    assert float((logits(reloaded(model, tmp_path)) - trained).abs().max()) < 1e-5


def test_there_are_at_least_28_configurations():
    assert len(CONFIGURATIONS) >= 28
