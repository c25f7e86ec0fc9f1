"""Minifinetuning: the teacher's own distribution, corrected just enough that the label leads by a margin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from .base import Options, Paper, Part, Slope

if TYPE_CHECKING:
    from torch import Tensor

    from .view import View


class CorrectedOptions(Options):
    tau: float = Field(
        0.1, ge=0, le=1, title="Margin tau",
        description="Where the teacher prefers another token, the label is lifted to lead the target by this probability. 1 is cross-entropy there.",
    )  # fmt: skip


class Corrected(Part):
    id = "mft"
    title = "Corrected self-distillation (MFT)"
    summary = (
        "Cross-entropy to the teacher's distribution, moved towards the label only where the teacher would be wrong."
    )
    when_to_use = "Little data, and what the model already does well must not be forgotten; the teacher may be the untouched student."
    formula = (
        r"\ell = -\sum_v p'_v \log q_T(v),\quad p' = (1-\kappa)\,p_T + \kappa\,e_y,"
        r"\quad \kappa = \frac{p_{\max} - p_y + \tau}{1 + p_{\max} - p_y}\ \text{where}\ \mathrm{argmax}\, p \ne y,\ \text{else } 0"
    )
    paper = Paper(
        title="Minifinetuning: Low-Data Generation Domain Adaptation through Corrective Self-Distillation",
        authors="Belcak, Heinrich, Kautz, Molchanov", year=2025, venue="arXiv", url="https://arxiv.org/abs/2506.15702", arxiv="2506.15702",
    )  # fmt: skip
    reads = ("student.logq", "student.logq_at_label", "teacher.logp")
    needs = frozenset({"teacher", "same_vocabulary", "labels", "live_teacher"})
    Options = CorrectedOptions

    def value(self, view: View, T: float, options: CorrectedOptions) -> Tensor:
        lp, lq = view.live_pair(T, self.title)
        kappa = _correction(lp.exp(), view.labels, options.tau)
        return -(1 - kappa) * (lp.exp() * lq).sum(-1) - kappa * view.label_logq(T)

    def slope(self, view: View, T: float, options: CorrectedOptions) -> Slope:
        import torch

        p, ids = view.p(T), view.labels[:, None]
        kappa = _correction(p, view.labels, options.tau)
        value = -(1 - kappa) * view.mean_logq(T) - kappa * view.label_logq(T).detach()
        g = torch.mul(p, (kappa - 1)[:, None], out=view.empty())
        return Slope(value, dense=g, total=-1.0, ids=ids, sparse=-kappa[:, None], owned=True)


def _correction(p: Tensor, labels: Tensor, tau: float) -> Tensor:
    """Share kappa of the one-hot in the target, [n]: the label then leads by tau exactly; 0 where it leads already."""
    best, which = p.max(-1)
    gap = best - p.gather(-1, labels[:, None])[:, 0]
    return ((gap + tau) / (1 + gap)).masked_fill(which == labels, 0.0)
