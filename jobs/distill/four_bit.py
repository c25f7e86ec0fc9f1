"""Frozen weights in 4 bits. QLoRA: Dettmers et al. 2023, arXiv:2305.14314: normal floats in blocks of 64, block scales in
8 bits. The layers' linear weights are held so; embeddings, norms and the output layer stay in the model's number format.

bitsandbytes does it, on CUDA and on CPU. It is optional: requirements/four-bit.txt.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn
from transformers import BitsAndBytesConfig

from .errors import PlanRefused

REMEDY = "Install it on the machine that runs the engine (pip install -r requirements/four-bit.txt), or set quantise to none."


def installed() -> bool:
    """Whether weights can be held in 4 bits on this machine."""
    return find_spec("bitsandbytes") is not None


def settings(dtype: torch.dtype) -> BitsAndBytesConfig:
    """What transformers quantises by while it loads; raises PlanRefused where the library is missing."""
    if not installed():
        raise PlanRefused(
            "Weights in 4 bits need the package bitsandbytes, which is not installed.",
            code="QUANTISE_MISSING",
            field="student.quantise",
            hint=REMEDY,
        )
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
    )


def is_four_bit(layer: nn.Module) -> bool:
    return hasattr(getattr(layer, "weight", None), "quant_state")


def keep_layout(model: nn.Module) -> None:
    """Keeps bitsandbytes 0.50 from packing the weights anew on processors with AVX512-BF16.

    There the first forward without gradient changes a layer's weights for good to a layout whose product is in bfloat16
    whatever was asked for, and has no backward: the gradient of every layer below is lost without an error. Our frozen layers
    are in eval mode while the adapter trains, so it would happen in every run.
    """
    layer: Any
    for layer in model.modules():
        if hasattr(layer, "support_avx512bf16_for_cpu"):
            layer.support_avx512bf16_for_cpu = False


def dense(layer: Any) -> Tensor:
    """The weight a linear layer computes with, [outputs, inputs]: its own, or what its 4 bits stand for."""
    if not is_four_bit(layer):
        return layer.weight  # type: ignore[no-any-return]
    from bitsandbytes.functional import dequantize_4bit

    return dequantize_4bit(layer.weight.data, layer.weight.quant_state)  # type: ignore[no-any-return]
