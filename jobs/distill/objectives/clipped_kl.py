"""Forward KL over the part of the vocabulary that matters to the teacher, with soft edges (DAC-KL of MGSR)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field, model_validator

from .base import Options, Paper, Part

if TYPE_CHECKING:
    from torch import Tensor

    from .view import View


class ClippedOptions(Options):
    keep: float = Field(
        0.95, gt=0, le=1, title="Mass kept",
        description="The lower edge is the probability of the last token needed to hold this much of the teacher's mass.",
    )  # fmt: skip
    skip: float = Field(
        0.0, ge=0, lt=1, title="Mass skipped at the top",
        description="The upper edge is the probability of the token at which this much mass is reached; 0 keeps the most likely one.",
    )  # fmt: skip
    softness: float = Field(
        0.1, gt=0, le=10, title="Softness", description="Width of both edges, in nats of the teacher's log-probability.",
    )  # fmt: skip

    @model_validator(mode="after")
    def _something_is_left(self) -> ClippedOptions:
        if self.skip >= self.keep:
            raise ValueError(
                f"skips {self.skip:g} of the mass but keeps only {self.keep:g}; it must skip less than it keeps"
            )
        return self


class ClippedKL(Part):
    id = "clipped-kl"
    title = "Clipped KL"
    summary = (
        "Forward KL between both models renormalised over the tokens whose teacher probability lies between two edges."
    )
    when_to_use = "When the long tail of the vocabulary holds noise rather than knowledge. Sorts the vocabulary."
    formula = (
        r"\ell = \mathrm{KL}(\bar p \,\|\, \bar q),\quad \bar p \propto w\,p_T,\ \bar q \propto w\,q_T,\quad"
        r" w_v = \sigma\!\bigl(\tfrac{\log p_v - \log p_{lo}}{s}\bigr)\,\sigma\!\bigl(\tfrac{\log p_{hi} - \log p_v}{s}\bigr)"
    )
    paper = Paper(
        title="Multi-Granularity Semantic Revision for Large Language Model Distillation", authors="Liu et al.", year=2024, venue="arXiv",
    )  # fmt: skip
    reads = ("student.logq", "teacher.logp")
    needs = frozenset({"teacher", "same_vocabulary", "live_teacher"})
    Options = ClippedOptions

    def value(self, view: View, T: float, options: ClippedOptions) -> Tensor:
        from . import maths

        lp, lq = view.live_pair(T, self.title)
        mask = log_mask(lp, options)
        return maths.kl(maths.renormalised(lp + mask), maths.renormalised(lq + mask))


def log_mask(lp: Tensor, options: ClippedOptions) -> Tensor:
    """Logarithm of the soft mask, [n, V]. The published edges come from a small trained network; these are quantiles of mass."""
    from torch.nn.functional import logsigmoid

    falling = lp.sort(-1, descending=True).values
    before = falling.exp().cumsum(-1) - falling.exp()  # mass above each token
    lower = falling.gather(-1, ((before < options.keep).sum(-1, keepdim=True) - 1).clamp(min=0))
    mask = logsigmoid((lp - lower) / options.softness)
    if options.skip > 0:
        upper = falling.gather(-1, (before < options.skip).sum(-1, keepdim=True).clamp(max=lp.shape[-1] - 1))
        mask = mask + logsigmoid((upper - lp) / options.softness)
    return mask
