"""Universal logit distillation: sorted probabilities, so no token has to be anybody's counterpart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from ..base import Options, Paper, Part
from .side import chunk_in

if TYPE_CHECKING:
    from torch import Tensor

    from ..view import View


class UldOptions(Options):
    match: Literal["place", "span"] = Field(
        "span", title="Positions are matched by",
        description="span: where both models have read the same text. place: first to first, second to second, as published.",
    )  # fmt: skip


class UniversalLogit(Part):
    id = "uld"
    title = "Universal logit distillation"
    summary = "Compares both distributions sorted by size, the shorter one filled up with zeros: their shape, not their words."
    when_to_use = (
        "Teacher and student have different tokenizers; beside cross-entropy, which says which words are meant."
    )
    formula = r"\ell = \sum_{i=1}^{\max(V, V_T)} \bigl| q_{(i)} - p_{(i)} \bigr|"
    paper = Paper(
        title="Towards Cross-Tokenizer Distillation: the Universal Logit Distillation Loss for LLMs",
        authors="Boizard, El Haddad, Hudelot, Colombo", year=2024, url="https://arxiv.org/abs/2402.12030", arxiv="2402.12030",
    )  # fmt: skip
    reads = ("student.logq", "teacher.logp")
    needs = frozenset({"teacher", "aligned", "live_teacher"})
    Options = UldOptions

    def value(self, view: View, T: float, options: UldOptions) -> Tensor:
        teacher = chunk_in(view.teacher)
        places, other = teacher.matched(options.match)
        q = view.logq(T)[places].exp()
        p = teacher.batch.logp(other, T).exp().to(q.dtype)
        value = sorted_l1(q, p)
        return value.new_zeros(len(view.labels)).index_put((places,), value)


def sorted_l1(q: Tensor, p: Tensor) -> Tensor:
    """Sum of |q_(i) - p_(i)| over both in falling order, zero padded: [n, V], [n, V_T] -> [n]."""
    from torch.nn.functional import pad

    q, p = q.sort(-1, descending=True).values, p.sort(-1, descending=True).values
    width = max(q.shape[-1], p.shape[-1])
    return (pad(q, (0, width - q.shape[-1])) - pad(p, (0, width - p.shape[-1]))).abs().sum(-1)
