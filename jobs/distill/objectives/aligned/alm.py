"""Approximate likelihood matching: chunks of text that both tokenizers cut alike are equally likely under both models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from ..base import SMALLEST, Objective, Options, Paper, Part, SequencePart
from ..cross_entropy import CrossEntropy
from .side import aligned_in, chunk_in

if TYPE_CHECKING:
    from torch import Tensor

    from ..sequences import Sequences
    from ..view import View

SURELY_INSIDE = 1e-4  # a chunk whose word the teacher holds to go on with all but this probability tells little
CLOSE_TO_ONE = -1e-7  # log-likelihoods are kept this far below 0: one rounding error of float32


class AlmOptions(Options):
    tau: float = Field(
        100.0, ge=1, le=10_000, title="Chunk temperature",
        description="Log-likelihoods of chunks are divided by it before they are compared as yes or no; large values compare ratios.",
    )  # fmt: skip
    debias: bool = Field(
        False, title="Only whole words",
        description="Multiplies each chunk's likelihood by the chance that a word ends there, and leaves out chunks where the teacher gives that less than 1e-4.",
    )  # fmt: skip


class BoundaryMass(Part):
    """What ALM reads of the student beside its labels: how likely the token to come begins a new word."""

    id = "boundary-mass"
    title = "Chance of a word's end"
    summary = "Log-probability that the next token begins a new word or ends the answer."
    when_to_use = "Read by likelihood matching; not a term of its own."
    formula = r"\log \sum_{v \in \mathcal{W}} q_T(v)"
    reads = ("student.logq_at",)
    needs = frozenset({"teacher", "aligned", "live_teacher"})

    def value(self, view: View, T: float, options: Options) -> Tensor:
        import torch

        starts = chunk_in(view.teacher).batch.student_starts()
        return torch.logsumexp(view.logq_at(starts.expand(len(view.labels), -1), T), -1)


class LikelihoodMatching(SequencePart):
    id = "alm"
    title = "Approximate likelihood matching"
    summary = "Cuts the answer where both tokenizers cut, and makes each piece as likely for the student as it is for the teacher."
    when_to_use = (
        "Teacher and student have different tokenizers: the comparison is of text, so no vocabulary has to be mapped."
    )
    formula = (
        r"\ell = \frac{1}{C}\sum_{c=1}^{C} \mathrm{KL}\bigl(\mathrm{Bern}(e^{a_c}) \,\|\, \mathrm{Bern}(e^{b_c})\bigr),\quad "
        r"a_c = \frac{1}{\tau}\sum_{m \in c} \log p(x_m),\; b_c = \frac{1}{\tau}\sum_{n \in c} \log q(y_n)"
    )
    paper = Paper(
        title="Universal Cross-Tokenizer Distillation via Approximate Likelihood Matching",
        authors="Minixhofer, Vulić, Ponti", year=2025, url="https://arxiv.org/abs/2503.20083", arxiv="2503.20083",
    )  # fmt: skip
    reads = ("student.logq_at_label", "teacher.label_logp")
    needs = frozenset({"teacher", "aligned", "live_teacher"})
    Options = AlmOptions

    def reads_of(self, T: float, options: AlmOptions) -> tuple[Objective, ...]:
        label = Objective(CrossEntropy())
        return (label, Objective(BoundaryMass())) if options.debias else (label,)

    def combine(self, values: list[Tensor], batch: Sequences, T: float, options: AlmOptions) -> Tensor:
        teacher = aligned_in(batch.side.extras)
        count = len(teacher.span_rows)
        a = summed(teacher.label_logp, teacher.teacher_spans, count).to(values[0].dtype)
        b = summed(-values[0], teacher.student_spans, count)
        kept = a.new_ones(count)
        if options.debias:
            end_a, has_a = after(teacher.boundary_logp.to(a.dtype), teacher.teacher_spans, teacher.of, count)
            end_b, has_b = after(values[1], teacher.student_spans, batch.of, count)
            both = (has_a & has_b).to(a.dtype)
            a, b = a + end_a * both, b + end_b * both
            kept = ((end_a.exp() > SURELY_INSIDE) | (both == 0)).to(a.dtype)
        if batch.paint is not None:
            kept = kept * painted(batch.paint.to(a.dtype), teacher.student_spans, count)
        each = binary_kl(a / options.tau, b / options.tau) * kept
        total = each.new_zeros(batch.answers).index_add(0, teacher.span_rows, each)
        chunks = each.new_zeros(batch.answers).index_add(0, teacher.span_rows, kept)
        return batch.group_means(total / chunks.clamp_min(SMALLEST))


def painted(paint: Tensor, spans: Tensor, count: int) -> Tensor:
    """How often each of `count` chunks counts: not at all where one of its tokens is painted out, else the mean. [C]"""
    ones = paint.new_ones(len(paint))
    mean = summed(paint, spans, count) / summed(ones, spans, count).clamp_min(1)
    return mean * (summed((paint == 0).to(paint.dtype), spans, count) == 0)


def summed(x: Tensor, spans: Tensor, count: int) -> Tensor:
    """Sum of [N] over each of `count` spans; positions outside (-1) are left out. [C]"""
    inside = spans >= 0
    return x.new_zeros(count).index_add(0, spans[inside], x[inside])


def after(x: Tensor, spans: Tensor, of: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """What [N] says at the position that follows each span's last one, and whether the answer has one, both [C].

    `of` [N] is the answer of each position; after an answer's last position nothing follows.
    """
    import torch

    last = torch.zeros(count, dtype=torch.long, device=x.device)
    at = torch.arange(len(spans), device=x.device)
    inside = spans >= 0
    last = last.scatter_reduce(0, spans[inside], at[inside], "amax", include_self=False)
    following = (last + 1).clamp(max=len(spans) - 1)
    return x[following], (last + 1 < len(spans)) & (of[following] == of[last])


def binary_cross_entropy(a: Tensor, b: Tensor) -> Tensor:
    """-(e^a b + (1 - e^a) log(1 - e^b)) for log-likelihoods a (target) and b below 0."""
    import torch

    from ..maths import log1mexp

    a, b = a.clamp(max=CLOSE_TO_ONE), b.clamp(max=CLOSE_TO_ONE)
    return -(a.exp() * b - torch.expm1(a) * log1mexp(b))


def binary_kl(a: Tensor, b: Tensor) -> Tensor:
    """KL(Bern(e^a) || Bern(e^b)): the cross-entropy without the target's own entropy, so 0 where both agree."""
    return binary_cross_entropy(a, b) - binary_cross_entropy(a, a)
