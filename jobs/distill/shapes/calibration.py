"""Rows the model reads while it is measured: whole texts, in a fixed order, padded on the right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..catalog import objective
from ..head import Head, head_pass
from ..recipe import Term
from ..weights import backbone

ROWS = 8  # of a forward


@dataclass(frozen=True)
class Batch:
    """ids [rows, length]; real [rows, length] is False on the padding, which causal models never look at."""

    ids: Tensor
    real: Tensor

    def to(self, device: torch.device) -> Batch:
        return Batch(self.ids.to(device), self.real.to(device))


def batches_of(texts: Sequence[Sequence[int]], longest: int) -> list[Batch]:
    """Texts of at least two tokens, cut on the right to `longest`, rows of like length together."""
    usable = sorted((list(t[:longest]) for t in texts if len(t) > 1), key=lambda t: (len(t), t))
    out = []
    for begin in range(0, len(usable), ROWS):
        some = usable[begin : begin + ROWS]
        width = max(map(len, some))
        ids = torch.tensor([t + [0] * (width - len(t)) for t in some])
        real = torch.tensor([[True] * len(t) + [False] * (width - len(t)) for t in some])
        out.append(Batch(ids, real))
    return out


def counts_of(texts: Iterable[Iterable[int]]) -> dict[int, int]:
    """How often each id stands in the texts."""
    return dict(Counter(i for t in texts for i in t))


def states(model: Any, batch: Batch) -> Tensor:
    """Last hidden states of the real positions, [n, H]."""
    hidden = backbone(model)(input_ids=batch.ids, use_cache=False).last_hidden_state
    return hidden[batch.real]


def loss(model: Any, batch: Batch, tokens: int) -> Tensor:
    """Cross-entropy of the batch's next tokens over `tokens`, the number of them in all batches; nats, with graph."""
    hidden = backbone(model)(input_ids=batch.ids, use_cache=False).last_hidden_state[:, :-1]
    follows = batch.real[:, 1:]
    labels = batch.ids[:, 1:][follows]
    weights = torch.full((len(labels),), 1 / tokens, device=labels.device)
    term = objective(Term(type="cross-entropy"))
    return head_pass(hidden[follows], Head.of(model), [term], [weights], labels).loss


def predicted(batches: Sequence[Batch]) -> int:
    """Number of tokens that are predicted."""
    return int(sum(b.real[:, 1:].sum() for b in batches))


@torch.no_grad()
def nats(model: Any, batches: Sequence[Batch]) -> float:
    """Mean cross-entropy of a next token; its exponential is the perplexity."""
    tokens = predicted(batches)
    return float(sum(loss(model, b, tokens).double() for b in batches))
