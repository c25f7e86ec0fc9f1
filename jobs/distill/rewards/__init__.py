"""Rewards of whole answers, checked by rule against the gold answer, and advantages made of them."""

from __future__ import annotations

from .rules import REWARDS, reward_of

__all__ = ["REWARDS", "reward_of"]
