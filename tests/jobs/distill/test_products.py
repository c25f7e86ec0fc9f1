"""The product with the output layer, whichever kernel makes it."""

from __future__ import annotations

import pytest
import torch

from jobs.distill import products
from jobs.distill.objectives.scratch import Scratch
from jobs.distill.products import product

V, H, N = 4096, 64, 9


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("wide", [True, False])
def test_it_is_the_plain_product(monkeypatch, dtype, wide):
    monkeypatch.setattr(products, "WORTH_A_KERNEL", V * H if wide else V * H + 1)
    g = torch.Generator().manual_seed(0)
    hidden, weight = torch.randn(N, H, generator=g).to(dtype), torch.randn(V, H, generator=g).to(dtype)
    assert (products._onednn(hidden, weight) is not None) == (wide and dtype == torch.float32 and _built_with_onednn())
    made, exact = product(hidden, weight, Scratch()), hidden.double() @ weight.double().T
    assert made.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    coarse = {torch.float32: 1e-5, torch.float64: 1e-13, torch.bfloat16: 1e-2}[dtype]
    assert torch.allclose(made.double(), exact, rtol=coarse, atol=coarse * 10)


def test_a_layer_that_learns_gets_no_graph_from_it(monkeypatch):
    monkeypatch.setattr(products, "WORTH_A_KERNEL", 1)
    hidden, weight = torch.randn(N, H), torch.randn(V, H, requires_grad=True)
    assert not product(hidden, weight, Scratch()).requires_grad


def _built_with_onednn() -> bool:
    return torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")
