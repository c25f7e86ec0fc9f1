"""Shifted short attention while the student trains. LongLoRA: Chen et al. 2023, arXiv:2309.12307.

A row is cut into groups of tokens and each token sees its own group alone; for half of the heads the groups lie half a
group later, so that what is learnt flows from one to the next. Outside the block attention is dense as ever.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import sdpa_mask

from ..errors import PlanRefused
from ..weights import backbone

NAME = "shifted-short"


@contextmanager
def shifted(model: Any, group: int | None) -> Iterator[None]:
    """Inside, the student attends in groups of `group` tokens; None changes nothing. Raises PlanRefused for attention that
    does not go through transformers' interface."""
    if group is None:
        yield
        return
    inner: Any = backbone(model)
    config = inner.config
    if not getattr(inner, "_supports_sdpa", False) or getattr(config, "is_encoder_decoder", False):
        raise PlanRefused(
            f"Attention in groups is not made for this student ({config.model_type}).",
            field="student.adapter.shift",
            hint="Leave it empty, or choose a student that writes with one stack, such as Llama or Qwen.",
        )
    before, size = config._attn_implementation, getattr(config, "shifted_group", None)
    config._attn_implementation, config.shifted_group = NAME, group
    try:
        yield
    finally:
        config._attn_implementation = before
        if size is None:
            del config.shifted_group
        else:
            config.shifted_group = size


def attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    **_: Any,
) -> tuple[Tensor, None]:
    """What transformers asks of an attention: query [rows, heads, length, width], key and value [rows, heads of theirs,
    length, width], mask [rows, 1, length, length] (True or 0: seen) -> [rows, length, heads, width]."""
    each = query.shape[1] // key.shape[1]
    key, value = key.repeat_interleave(each, 1), value.repeat_interleave(each, 1)
    seen = None
    if attention_mask is not None:
        seen = attention_mask if attention_mask.dtype == torch.bool else attention_mask == 0
    size, half = int(module.config.shifted_group), query.shape[1] // 2  # type: ignore[union-attr,arg-type]
    out = [
        _grouped(query[:, heads], key[:, heads], value[:, heads], seen, size, offset, scaling)
        for heads, offset in ((slice(None, half), 0), (slice(half, None), size // 2))
        if query[:, heads].shape[1]
    ]
    return torch.cat(out, 1).transpose(1, 2).contiguous(), None


def _grouped(
    query: Tensor, key: Tensor, value: Tensor, seen: Tensor | None, size: int, offset: int, scaling: float | None
) -> Tensor:
    """Causal attention inside groups of `size`; the first group has `offset` tokens where that is not 0."""
    rows, heads, length, width = query.shape
    left = (size - offset) % size
    right = -(left + length) % size
    count = (left + length + right) // size

    def cut(x: Tensor) -> Tensor:
        """[rows, heads, length, width] -> [rows * groups, heads, size, width]"""
        whole = nn.functional.pad(x, (0, 0, left, right)).reshape(rows, heads, count, size, width)
        return whole.transpose(1, 2).reshape(rows * count, heads, size, width)

    if seen is None:
        seen = torch.ones(length, length, dtype=torch.bool, device=query.device).tril()[None, None]
    mask = nn.functional.pad(seen.expand(rows, 1, length, length), (left, right, left, right))
    blocks = mask.reshape(rows, count, size, count, size).diagonal(dim1=1, dim2=3)  # [rows, size, size, groups]
    own = torch.eye(
        size, dtype=torch.bool, device=query.device
    )  # a place that is padding sees itself: no empty softmax
    blocks = blocks.permute(0, 3, 1, 2).reshape(rows * count, 1, size, size) | own
    out = nn.functional.scaled_dot_product_attention(cut(query), cut(key), cut(value), attn_mask=blocks, scale=scaling)
    whole = out.reshape(rows, count, heads, size, width).transpose(1, 2).reshape(rows, heads, count * size, width)
    return whole[:, :, left : left + length]


AttentionInterface.register(NAME, attend)
AttentionMaskInterface.register(NAME, sdpa_mask)
