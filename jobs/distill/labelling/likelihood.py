"""How probable a model in memory finds each label as its answer to a row: the prompt is read once, every label after it."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..rows import Renderer, Row

TOGETHER = 64  # labels a forward


@torch.no_grad()
def label_logs(model: Any, renderer: Renderer, rows: Sequence[Row], labels: Sequence[str], context: int) -> np.ndarray:
    """log p(label, end of answer | row) in nats, float64 [rows, labels]; -inf for all labels of a row whose prompt leaves no
    room for the longest of them."""
    device = next(model.parameters()).device
    out = np.full((len(rows), len(labels)), -np.inf)
    for i, row in enumerate(rows):
        prompt = renderer.prompt(row.messages)
        answers = [renderer.answer(row.messages, label) for label in labels]
        if len(prompt) + max(map(len, answers)) > context:
            continue
        read = model(input_ids=torch.tensor([prompt], device=device), use_cache=True, logits_to_keep=1)
        first = torch.log_softmax(read.logits[0, -1].float(), -1)
        for begin in range(0, len(labels), TOGETHER):
            part = answers[begin : begin + TOGETHER]
            out[i, begin : begin + len(part)] = _after(model, read.past_key_values, first, part).cpu().numpy()
    return out


def _after(model: Any, cache: Any, first: Tensor, answers: Sequence[Sequence[int]]) -> Tensor:
    """log p of each answer behind the cached prompt, [answers], float64."""
    device, longest = first.device, max(map(len, answers))
    ids = torch.zeros((len(answers), longest), dtype=torch.long)
    real = torch.zeros((len(answers), longest))
    for r, answer in enumerate(answers):
        ids[r, : len(answer)], real[r, : len(answer)] = torch.tensor(list(answer)), 1
    ids, real = ids.to(device), real.to(device)
    total = first[ids[:, 0]].double()
    if longest > 1:
        mine = deepcopy(cache)
        mine.batch_repeat_interleave(len(answers))
        logits = model(input_ids=ids[:, :-1], past_key_values=mine, use_cache=True).logits.float()
        logs = torch.log_softmax(logits, -1).gather(-1, ids[:, 1:, None])[..., 0]
        total = total + (logs * real[:, 1:]).double().sum(-1)
    return total
