"""Several teachers' soft labels become one target: mean, geometric mean, or a policy that chooses a teacher for each row.

The policy follows Reinforced Multi-Teacher Selection (Yuan et al. 2021, arXiv:2012.06048): its state is what each teacher
says and what the student says, its reward is how much learning from the chosen teacher lowers the student's loss on the
gold label. That reward is taken to first order: with q the student, y the gold label and p the teacher, a small step from
q towards p lowers -log q(y) by (y - q)(p - q), summed over the labels. Rows without a gold label give no reward; for them
the policy only chooses.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from .reading import LabelExample, LabelMicro

FEATURES = 6
SCALE = 50.0  # of the policy's logits: its weights move at the adapter's learning rate, which is small
SMALL = 1e-8


class Policy(nn.Module):
    """log-probability of each teacher for a row: one linear layer over what teacher and student say, and a bias a teacher."""

    def __init__(self, teachers: int) -> None:
        super().__init__()
        self.shared = nn.Parameter(torch.zeros(FEATURES))
        self.own = nn.Parameter(torch.zeros(teachers))

    def forward(self, states: Tensor, there: Tensor) -> Tensor:
        """states [N, K, FEATURES], there [N, K] -> [N, K]; teachers that say nothing of a row are never chosen."""
        scores = SCALE * (states @ self.shared + self.own)
        return torch.log_softmax(scores.masked_fill(~there, -1e9), -1)


@dataclass
class Chosen:
    soft: Tensor  # [N, L] probabilities
    there: Tensor  # [N] bool: does any teacher say something?
    loss: Tensor | None = None  # of the policy


@dataclass
class Combine:
    """How the voices `names` with their weights become one."""

    names: Sequence[str]
    weights: Sequence[float]
    how: str = "mean"
    seed: int = 0
    policy: Policy | None = field(default=None)

    def __post_init__(self) -> None:
        if self.how == "reinforced" and self.policy is None:
            self.policy = Policy(len(self.names))

    def voices(self, group: Sequence[LabelExample], labels: int, device: torch.device) -> tuple[Tensor, Tensor]:
        """Soft labels [N, K, L] of every voice, and which of them there are [N, K]."""
        n = sum(e.supervised for e in group)
        soft = torch.full((n, len(self.names), labels), 1.0 / labels)
        there = torch.zeros((n, len(self.names)), dtype=torch.bool)
        at = 0
        for e in group:
            for k, name in enumerate(self.names):
                if (found := e.soft.get(name)) is not None:
                    soft[at : at + e.supervised, k] = torch.from_numpy(np.asarray(found, dtype=np.float32))
                    there[at : at + e.supervised, k] = True
            at += e.supervised
        return soft.to(device), there.to(device)

    def of(self, group: Sequence[LabelExample], micro: LabelMicro, logits: Tensor, step: int) -> Chosen:
        soft, there = self.voices(group, logits.shape[-1], logits.device)
        some = there.any(-1)
        if self.policy is not None:
            return self._reinforced(group, micro, logits, step, soft, there)
        weights = torch.tensor(list(self.weights), device=logits.device) * there
        weights = weights / weights.sum(-1, keepdim=True).clamp_min(SMALL)
        if self.how == "geometric":
            mixed = (soft.clamp_min(SMALL).log() * weights[..., None]).sum(1).softmax(-1)
        else:
            mixed = (soft * weights[..., None]).sum(1)
            mixed = torch.where(some[:, None], mixed, 1.0 / logits.shape[-1])
        return Chosen(mixed, some)

    # -- the policy -------------------------------------------------------------------------------------------------

    def _reinforced(
        self, group: Sequence[LabelExample], micro: LabelMicro, logits: Tensor, step: int, soft: Tensor, there: Tensor
    ) -> Chosen:
        assert self.policy is not None
        q = logits.softmax(-1)
        logpi = self.policy(states_of(soft, q), there)
        draws = torch.from_numpy(np.concatenate([self._draws(e, step) for e in group])).to(logits.device)
        edges = logpi.detach().exp().cumsum(-1)
        chosen = (edges < draws[:, None] * edges[:, -1:]).sum(-1).clamp(max=len(self.names) - 1)
        picked = soft[torch.arange(len(soft), device=soft.device), chosen]
        known = (micro.labels >= 0) & there.any(-1)
        gold = nn.functional.one_hot(micro.labels.clamp_min(0), logits.shape[-1]).float()
        rewards = ((gold - q)[:, None] * (soft - q[:, None])).sum(-1)  # [N, K]
        baseline = (logpi.detach().exp() * rewards).sum(-1)
        advantage = rewards.gather(-1, chosen[:, None])[:, 0] - baseline
        loss = -(advantage * logpi.gather(-1, chosen[:, None])[:, 0] * micro.weights * known).sum()
        return Chosen(picked, there.any(-1), loss)

    def _draws(self, example: LabelExample, step: int) -> np.ndarray:
        """Uniform numbers of a row at a step: the same however the step is cut into micro-batches."""
        key = zlib.crc32(example.row_id.encode())
        return (
            np.random.Generator(np.random.PCG64([self.seed, step, key])).random(example.supervised).astype(np.float32)
        )

    @torch.no_grad()
    def shares(self, group: Sequence[LabelExample], logits: Sequence[np.ndarray]) -> dict[str, float]:
        """Mean weight of each voice over all positions of these rows, with the student's log-probabilities `logits`."""
        if not group:
            return {}
        q = torch.from_numpy(np.concatenate(list(logits))).softmax(-1)
        soft, there = self.voices(group, q.shape[-1], q.device)
        if self.policy is None:
            weights = torch.tensor(list(self.weights)) * there
            weights = weights / weights.sum(-1, keepdim=True).clamp_min(SMALL)
        else:
            weights = self.policy.cpu()(states_of(soft, q), there).exp()
        mean = weights[there.any(-1)].mean(0)
        return {name: round(float(w), 6) for name, w in zip(self.names, mean, strict=True)}


def states_of(soft: Tensor, q: Tensor) -> Tensor:
    """What the policy sees of each teacher, [N, K, FEATURES]: how sure it is, its entropy, how far it is from the student
    (both directions of the overlap), whether it agrees with the student, and how much the other teachers agree with it."""
    labels = soft.shape[-1]
    entropy = -(soft.clamp_min(SMALL).log() * soft).sum(-1) / np.log(max(2, labels))
    overlap = torch.minimum(soft, q[:, None]).sum(-1)
    student = q.max(-1).values[:, None].expand_as(entropy)
    agrees = (soft.argmax(-1) == q.argmax(-1)[:, None]).float()
    others = (soft.sum(1, keepdim=True) - soft) / max(1, soft.shape[1] - 1)
    common = torch.minimum(soft, others).sum(-1)
    return torch.stack([soft.max(-1).values, entropy, overlap, student, agrees, common], -1)
