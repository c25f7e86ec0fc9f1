"""How far the student's answers have gone from the reference, and a bound on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from .writing import Written


def kl_of(made: Sequence[Written]) -> float | None:
    """KL(q || p) in nats a token, estimated from the answers' own tokens: the mean of log q - log p over all of them; None
    where the reference did not read them."""
    read = [w.old_logq - w.old_logp for w in made if w.old_logq is not None and w.old_logp is not None]
    return float(np.concatenate(read).mean()) if read else None


def held_near(made: list[Written], bound: float | None) -> list[Written]:
    """The answers with the rewards they are learnt with: their own, or, while they lie further from the reference than the
    bound on average, how near to it each of them is (minus its mean log q - log p)."""
    kl = kl_of(made)
    if bound is None or kl is None or kl <= bound:
        return made
    return [
        replace(w, reward=-float((w.old_logq - w.old_logp).mean()))
        if w.old_logq is not None and w.old_logp is not None and len(w.old_logq)
        else w
        for w in made
    ]
