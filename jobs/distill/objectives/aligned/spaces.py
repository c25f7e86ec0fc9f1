"""Pieces that terms over both output layers share: chunked, with logits rebuilt in the backward, so no [N, V] stays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from ...output_layer import Head


def held(head: Head) -> Head:
    """The output layer without graph: gradients pass through it, none reach it."""
    low = head.low_rank
    fast = None if low is None else replace(low, down=low.down.detach(), up=low.up.detach(), dropout=None)
    bias = None if head.bias is None else head.bias.detach()
    return replace(head, weight=head.weight.detach(), bias=bias, low_rank=fast)


def in_chunks(work: Callable[..., Tensor], chunk: int, *tensors: Tensor) -> Tensor:
    """Joins work(rows of each tensor) -> [rows] over chunks of the first axis, computed again in the backward."""
    n = len(tensors[0])
    if n == 0:
        return tensors[0].new_zeros(0, dtype=torch.float32)
    out = [checkpoint(work, *(t[i : i + chunk] for t in tensors), use_reentrant=False) for i in range(0, n, chunk)]
    return torch.cat([x for x in out if x is not None])


def log_probabilities(head: Head, hidden: Tensor, T: float) -> Tensor:
    """log softmax(z / T), [n, V]."""
    return torch.log_softmax(head.logits(hidden) / T, -1)


def label_logp(head: Head, hidden: Tensor, labels: Tensor, T: float, chunk: int) -> Tensor:
    """log q_T of each label, [n], with graph where the states have one."""
    return in_chunks(lambda h, y: log_probabilities(head, h, T).gather(-1, y[:, None])[:, 0], chunk, hidden, labels)
