"""Teacher signals by draws instead of the top k: few ids a position, no bias (Sparse Logit Sampling, arXiv:2503.16870)."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def draw(z: Tensor, draws: int, tau: float = 1.0, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
    """`draws` ids a position from softmax(tau * z), with replacement: ids and log_rate, [n, draws] each.

    z [n, V] are the teacher's logits. log_rate is log(draws * proposal(id)): an id drawn twice is two entries, so that
    the sum over entries of p f / rate has the expectation sum of p f, whatever temperature p is read at.
    """
    proposal = torch.log_softmax(z * tau, -1)
    ids = torch.multinomial(proposal.exp(), draws, replacement=True, generator=generator)
    return ids, proposal.gather(-1, ids) + math.log(draws)
