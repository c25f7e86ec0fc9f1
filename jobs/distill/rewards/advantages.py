"""Advantages of answers inside their group."""

from __future__ import annotations

import torch
from torch import Tensor

EPSILON = 1e-6  # a group whose answers are all rewarded alike has advantage 0, not 0 / 0


def group_advantages(rewards: Tensor, group: Tensor, normalise: bool = True) -> Tensor:
    """(r - mean) / std of each group, population std; without `normalise` only r - mean. rewards, group: [S] -> [S].

    Shao et al. 2024, DeepSeekMath (GRPO); without the division as in Liu et al. 2025 (Dr. GRPO).
    """
    groups = int(group.max()) + 1 if len(group) else 0
    count = rewards.new_zeros(groups).index_add(0, group, torch.ones_like(rewards))
    centred = rewards - (rewards.new_zeros(groups).index_add(0, group, rewards) / count)[group]
    if not normalise:
        return centred
    deviation = (rewards.new_zeros(groups).index_add(0, group, centred**2) / count).sqrt()
    return centred / (deviation[group] + EPSILON)
