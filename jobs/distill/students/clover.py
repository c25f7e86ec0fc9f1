"""CLOVER on the value and output matrices of attention. Meng et al. 2024.

For each head, W_O^h [H, d] W_V^h [d, H] = U S V^T with d singular values. Nothing stands between the two, so attention
computes the same with V^T in the place of W_V and U S in the place of W_O. Training S alone then means
U S' V^T = (U diag(s'/s) U^T) W_O^h W_V^h: a change of W_O only, written here as a LoRA layer of the heads' whole width
on the untouched base. Queries and keys are left alone: rotary positions stand between them.
"""

from __future__ import annotations

from typing import Any

import torch
from peft import LoraConfig, TaskType, get_peft_model
from torch import Tensor, nn

from ..errors import PlanRefused
from .variants import NAME, Singular, layers


def factors(attention: Any, head_dim: int) -> tuple[Tensor, Tensor, Tensor]:
    """U [heads, H, d], S [heads, d], V^T [heads, d, H] of one attention layer; heads that share a value matrix have one
    decomposition each."""
    out, value = attention.o_proj.weight.detach().float(), attention.v_proj.weight.detach().float()
    outs = out.unflatten(1, (-1, head_dim)).transpose(0, 1)  # [heads, H, d]
    values = value.unflatten(0, (-1, head_dim))
    values = values.repeat_interleave(len(outs) // len(values), 0)  # [heads, d, H]
    qo, ro = torch.linalg.qr(outs)
    qv, rv = torch.linalg.qr(values.transpose(1, 2))
    u, s, vh = torch.linalg.svd(ro @ rv.transpose(1, 2))
    return qo @ u, s, vh @ qv.transpose(1, 2)


def attach_clover(model: Any) -> Any:
    """The model with trainable singular values; raises PlanRefused when it has no separate value and output matrices."""
    found = [m for m in model.modules() if isinstance(getattr(m, "o_proj", None), nn.Linear) and hasattr(m, "v_proj")]
    if not found:
        raise PlanRefused(
            f"CLOVER needs layers called v_proj and o_proj; {type(model).__name__} has none.",
            field="student.adapter.type",
            hint="Choose LoRA for this student.",
        )
    parts = [factors(m, m.head_dim) for m in found]
    inner = [m.o_proj.weight.detach().float() for m in found]
    rank = inner[0].shape[1]
    config = LoraConfig(task_type=TaskType.CAUSAL_LM, r=rank, lora_alpha=rank, target_modules=["o_proj"], bias="none")
    wrapped = get_peft_model(model, config, autocast_adapter_dtype=False)
    for layer, (u, s, _), weight in zip(layers(wrapped).values(), parts, inner, strict=True):
        heads = weight.unflatten(1, (len(u), -1)).transpose(0, 1)  # [heads, H, d]
        down = torch.block_diag(*(u.transpose(1, 2) @ heads))
        up = torch.cat(list(u), 1)
        like = layer.lora_A[NAME].weight
        with torch.no_grad():
            like.copy_(down)
            layer.lora_B[NAME].weight.copy_(up)
        like.requires_grad_(False)
        layer.lora_B[NAME].weight.requires_grad_(False)
        values = s.flatten().to(like)
        layer.lora_singular = nn.ParameterDict({NAME: nn.Parameter(values.clone())})
        layer.lora_variant[NAME] = Singular(values)
    return wrapped
