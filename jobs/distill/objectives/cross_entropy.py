"""Cross-entropy on the label: plain fine-tuning."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .base import Options, Part, Slope

if TYPE_CHECKING:
    from torch import Tensor

    from .view import View


class CrossEntropy(Part):
    id = "cross-entropy"
    title = "Cross-entropy"
    summary = "Minus the log-probability of the row's own answer token."
    when_to_use = "Whenever rows have answers, gold or written by the teacher. Alone it is plain fine-tuning."
    formula = r"\ell = -\log q_T(y)"
    reads = ("student.logq_at_label",)
    needs = frozenset({"labels"})

    def value(self, view: View, T: float, options: Options) -> Tensor:
        return -view.label_logq(T)

    def slope(self, view: View, T: float, options: Options) -> Slope:
        value = -view.label_logq(T).detach()
        ids = view.labels[:, None]
        return Slope(value, total=-1.0, ids=ids, sparse=value.new_full(ids.shape, -1.0))
