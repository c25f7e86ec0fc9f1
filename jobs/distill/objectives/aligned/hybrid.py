"""Hybrid of exact and sorted comparison over merged spans, for any two tokenizers (GOLD)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from ..base import Options, Paper, StatesPart
from .side import aligned_in

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ..states import States
    from .batch import AlignedBatch


class HybridOptions(Options):
    beta: float = Field(
        0.5, gt=0, lt=1, title="Beta",
        description="Share of the teacher in the mixture that shared tokens are compared with; one half is the symmetric JSD.",
    )  # fmt: skip
    by_overlap: bool = Field(
        True, title="Weigh by overlap",
        description="Shared tokens weigh as much as their share of the teacher's vocabulary, all other tokens the rest, as published.",
    )  # fmt: skip
    shared_weight: float = Field(
        0.5, ge=0, le=1, title="Weight of shared tokens",
        description="Used when the weights are not taken from the overlap; the other tokens weigh the rest.",
    )  # fmt: skip


class Hybrid(StatesPart):
    id = "hybrid-logit"
    title = "Hybrid logit distillation"
    summary = "Tokens both vocabularies have are compared one by one (JSD), all others sorted by size; spans cut differently are merged."
    when_to_use = (
        "Different tokenizers whose vocabularies overlap: keeps the words where they agree, the shape elsewhere."
    )
    formula = (
        r"\ell = w \sum_{v \in S} \mathrm{jsd}_\beta(p_v, q_v) + (1-w) \sum_i \bigl| q^{\setminus S}_{(i)} - p^{\setminus S}_{(i)} \bigr|,"
        r"\quad p_v = p(v \mid x) \prod_{m=2}^{|c|} p(x_m \mid x_{<m})"
    )
    paper = Paper(
        title="Unlocking On-Policy Distillation for Any Model Family", authors="Hugging Face", year=2025,
        url="https://huggingface.co/spaces/HuggingFaceH4/on-policy-distillation",
    )  # fmt: skip
    reads = ("student.logq", "teacher.logp")
    needs = frozenset({"teacher", "aligned", "live_teacher"})
    Options = HybridOptions

    def measure(self, states: States, module: nn.Module | None, T: float, options: HybridOptions) -> Tensor:
        from .spaces import in_chunks, label_logp

        batch = aligned_in(states.extras)
        firsts = (batch.by_span >= 0).nonzero()[:, 0]  # the first student position of each span
        other = batch.by_span[firsts]
        mine = _rest(lambda at: label_logp(states.head, states.hidden[at], states.labels[at], T, states.chunk),
                     batch.student_spans, firsts, len(batch.span_rows))  # fmt: skip
        theirs = _rest(lambda at: batch.label_logp_at(at, T),
                       batch.teacher_spans, other, len(batch.span_rows))  # fmt: skip
        spans = batch.student_spans[firsts]

        def work(hidden: Tensor, at: Tensor, tail_q: Tensor, tail_p: Tensor) -> Tensor:
            from .spaces import log_probabilities

            lq = log_probabilities(states.head, hidden, T) + tail_q[:, None]
            lp = batch.logp(at, T).to(lq.dtype) + tail_p[:, None]
            return hybrid(lp, lq, batch, options)

        value = in_chunks(work, states.chunk, states.hidden[firsts], other, mine[spans], theirs[spans])
        return value.new_zeros(len(states.labels)).index_put((firsts,), value)


def _rest(logp: Any, spans: Tensor, firsts: Tensor, count: int) -> Tensor:
    """log of the product of a span's conditionals after its first token, [C]: `logp(positions)` gives each token's own."""
    import torch

    inside = spans >= 0
    inside[firsts] = False
    at = inside.nonzero()[:, 0]
    if not len(at):
        return torch.zeros(count, device=spans.device)
    got = logp(at)
    return got.new_zeros(count).index_add(0, spans[at], got)


def hybrid(lp: Tensor, lq: Tensor, batch: AlignedBatch, options: HybridOptions) -> Tensor:
    """lp [n, V_T], lq [n, V]: logs of merged, unnormalised distributions. Value of each, [n]."""
    import torch

    from ..maths import log_mix
    from .uld import sorted_l1

    mine, other = batch.shared()
    weight = len(other) / lp.shape[-1] if options.by_overlap else options.shared_weight
    a, b = lp[:, other], lq[:, mine]
    m = log_mix(a, b, options.beta)
    exact = (options.beta * a.exp() * (a - m) + (1 - options.beta) * b.exp() * (b - m)).sum(-1)
    left_p = torch.ones(lp.shape[-1], dtype=torch.bool, device=lp.device).index_fill(0, other, False)
    left_q = torch.ones(lq.shape[-1], dtype=torch.bool, device=lq.device).index_fill(0, mine, False)
    return weight * exact + (1 - weight) * sorted_l1(lq[:, left_q].exp(), lp[:, left_p].exp())
