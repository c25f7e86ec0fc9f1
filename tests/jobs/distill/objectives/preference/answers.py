"""Small batches of answers for tests of terms over pairs and lists."""

from __future__ import annotations

import torch

from jobs.distill.objectives.sequences import Sequences

CHOSEN, REJECTED = [5, 6, 7], [5, 8]  # token ids of one pair's answers: they part at the second token


def pair(features: dict | None = None) -> Sequences:
    """One group: a chosen answer of three tokens and a rejected one of two that shares the first."""
    of = torch.tensor([0, 0, 0, 1, 1])
    return Sequences(of, torch.tensor([0, 0]), ["chosen", "rejected"], torch.tensor(CHOSEN + REJECTED), features or {})


def listed(ranks: list[float]) -> Sequences:
    """One group of answers of one token each."""
    n = len(ranks)
    features = {"rank": torch.tensor(ranks)}
    origin = ["chosen", *["rejected"] * (n - 1)]
    return Sequences(torch.arange(n), torch.zeros(n, dtype=torch.int64), origin, torch.arange(n), features)
