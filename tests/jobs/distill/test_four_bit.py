"""Weights in 4 bits on this machine's CPU: what a layer computes, its gradient, LoftQ, and what is said where it cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from jobs.distill import four_bit
from jobs.distill.errors import PlanRefused
from jobs.distill.recipe import Adapter
from jobs.distill.students.first_values import PREFIX
from jobs.distill.students.lora import attach, trainable, training_mode
from jobs.distill.students.variants import NAME, layers
from jobs.distill.weights import load_model

from . import tiny

CPU = torch.device("cpu")
IDS = torch.tensor([[5, 9, 2, 44, 17, 8, 30, 21]])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return tiny.model(tmp_path_factory.mktemp("m") / "student", 2, 64)


def loss(model: torch.nn.Module) -> torch.Tensor:
    return torch.nn.functional.cross_entropy(model(input_ids=IDS).logits[0, :-1].float(), IDS[0, 1:])


@pytest.mark.parametrize(("dtype", "close"), [(torch.float32, 1e-5), (torch.bfloat16, 2e-2)])
def test_a_model_in_four_bits_is_the_model_of_its_dequantised_weights(
    folder: Path, dtype: torch.dtype, close: float
) -> None:
    """Forward and the adapter's gradient, against a plain model that holds the dequantised weights."""
    quantised, plain = load_model(folder, dtype, CPU, "nf4"), load_model(folder, dtype, CPU)
    with torch.no_grad():
        for name, layer in quantised.named_modules():
            if four_bit.is_four_bit(layer):
                original = plain.get_submodule(name).weight
                error = (four_bit.dense(layer).float() - original.float()).norm() / original.float().norm()
                assert 0.01 < float(error) < 0.15, "normal floats of 4 bits lose about a tenth of normal weights"
                original.copy_(four_bit.dense(layer))
    both = [attach(m, Adapter(rank=4, alpha=8), seed=0) for m in (quantised, plain)]
    for model in both:
        training_mode(model)
        with torch.no_grad():  # an evaluation before training must not change what training computes
            model(input_ids=IDS)
        loss(model).backward()
    (ours, theirs) = both
    torch.testing.assert_close(ours(input_ids=IDS).logits, theirs(input_ids=IDS).logits, rtol=close, atol=close)
    moved = {n: p.grad for n, p in trainable(ours).items()}
    for name, parameter in trainable(theirs).items():
        found = moved[name]
        assert found is not None and parameter.grad is not None, f"{name} has no gradient"
        torch.testing.assert_close(found, parameter.grad, rtol=10 * close, atol=close)


def test_it_needs_a_fraction_of_the_bytes_and_leaves_the_output_layer_whole(folder: Path) -> None:
    quantised, plain = load_model(folder, torch.float32, CPU, "nf4"), load_model(folder, torch.float32, CPU)
    inside = [m for m in quantised.modules() if four_bit.is_four_bit(m)]
    numbers = sum(m.in_features * m.out_features for m in inside)  # type: ignore[operator]
    assert len(inside) == 2 * 7 and sum(m.weight.numel() for m in inside) == numbers / 2  # type: ignore[union-attr,operator]
    assert torch.equal(quantised.get_output_embeddings().weight, plain.get_output_embeddings().weight)


def test_loftq_brings_every_layer_nearer_to_its_own_weights(folder: Path) -> None:
    """|W - (Q + s B A)| < |W - Q|, layer by layer, and no other update of this rank is nearer."""
    plain = load_model(folder, torch.float32, CPU)
    modules = dict(plain.named_modules())
    adapter = Adapter(rank=8, alpha=12, start="loftq", targets=["q_proj", "o_proj", "down_proj", "up_proj"])
    model = attach(load_model(folder, torch.float32, CPU, "nf4"), adapter, 0, whole=lambda: modules)
    found = layers(model)
    assert len(found) == 2 * 4
    for name, layer in found.items():
        whole = modules[name.removeprefix(PREFIX)].weight.detach()
        lost = whole - four_bit.dense(layer.get_base_layer())
        update = layer.scaling[NAME] * (layer.lora_B[NAME].weight @ layer.lora_A[NAME].weight).detach()
        left = torch.linalg.svdvals(lost)[8:].norm()
        assert float((lost - update).norm()) < 0.95 * float(lost.norm()), name
        torch.testing.assert_close((lost - update).norm(), left, rtol=1e-4, atol=1e-6)
    with torch.no_grad():
        assert float(loss(model)) != float(loss(load_model(folder, torch.float32, CPU, "nf4")))


def test_its_base_is_the_same_however_often_it_is_loaded(folder: Path) -> None:
    first, second = (load_model(folder, torch.float32, CPU, "nf4").state_dict() for _ in range(2))
    assert all(torch.equal(first[n], second[n]) for n in first)


def test_it_says_what_to_install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(four_bit, "find_spec", lambda name: None)
    with pytest.raises(PlanRefused, match="bitsandbytes, which is not installed") as e:
        load_model(folder, torch.float32, CPU, "nf4")
    assert e.value.code == "QUANTISE_MISSING" and "requirements/four-bit.txt" in (e.value.hint or "")
