"""DPO that looks hardest where the two answers part."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from ..base import Paper
from .dpo import DPO
from .pairs import BetaOptions, margin, minus_log_sigmoid

if TYPE_CHECKING:
    from torch import Tensor

    from ..sequences import Sequences


class FineGrainedOptions(BetaOptions):
    decay: float = Field(
        0.9, gt=0, le=1, title="Decay",
        description="A token's weight is this to the power of its distance from the first token that differs. 1 is DPO.",
    )  # fmt: skip


class FineGrainedDPO(DPO):
    id = "fine-grained-dpo"
    title = "Fine-grained DPO"
    summary = "DPO with token weights: nothing before the first token in which the answers differ, most at that token, less after it."
    when_to_use = "Long answers that share their beginning and go wrong at one step."
    formula = r"\Delta = \sum_n w_n\log\tfrac{q(y_{c,n})}{q_{\mathrm{ref}}(y_{c,n})} - \sum_n w_n\log\tfrac{q(y_{r,n})}{q_{\mathrm{ref}}(y_{r,n})},\quad w_n = \gamma^{\,n-d}\,[n \ge d]"
    paper = Paper(
        title="Towards Widening The Distillation Bottleneck for Reasoning Models",
        authors="Yin, Zhao, Wu, Ni, Zeng, Wang, Shi, Shao, Lyu, Wang, Luo, Zhang",
        year=2025, venue="ACL", url="https://arxiv.org/abs/2503.01461", arxiv="2503.01461",
    )  # fmt: skip
    Options = FineGrainedOptions

    def combine(self, values: list[Tensor], batch: Sequences, T: float, options: FineGrainedOptions) -> Tensor:  # type: ignore[override]
        logq, ref = values
        after = batch.place - first_difference(batch)[batch.group][batch.of]  # [N], negative in the shared beginning
        w = (options.decay ** after.clamp_min(0).to(logq.dtype)) * (after >= 0)
        return minus_log_sigmoid(options.beta * margin(batch.sums(w * (logq - ref)), batch))


def first_difference(batch: Sequences) -> Tensor:
    """Place of the first token in which a group's two answers differ, [G]; where one ends first, its length."""
    ids = batch.labels.split(batch.lengths.tolist())
    out = batch.group.new_zeros(batch.groups)
    for g in range(batch.groups):
        a, b = (ids[i] for i in (batch.group == g).nonzero()[:, 0].tolist())
        n = min(len(a), len(b))
        differ = (a[:n] != b[:n]).nonzero()
        out[g] = differ[0, 0] if len(differ) else n
    return out
