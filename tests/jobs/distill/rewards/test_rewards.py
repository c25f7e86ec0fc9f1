from __future__ import annotations

import pytest
import torch

from jobs.distill.rewards import reward_of
from jobs.distill.rewards.advantages import group_advantages


def test_it_rewards_what_the_scores_call_right() -> None:
    assert reward_of("exact_match", " card  lost", "card lost") == 1
    assert reward_of("numeric_match", "so it is 12", "12") == 1 and reward_of("numeric_match", "11", "12") == 0
    with pytest.raises(ValueError, match="gold answer"):
        reward_of("exact_match", "card lost", None)


def test_it_compares_answers_inside_their_group() -> None:
    rewards, group = torch.tensor([1.0, 0, 0, 0, 1, 1]), torch.tensor([0, 0, 0, 0, 1, 1])
    found = group_advantages(rewards, group)
    assert torch.allclose(found[:4], torch.tensor([1.7320, -0.5773, -0.5773, -0.5773]), atol=1e-3)
    assert found[4:].tolist() == [0, 0]  # all alike: nothing to prefer
    assert group_advantages(rewards, group, normalise=False)[0] == 0.75
