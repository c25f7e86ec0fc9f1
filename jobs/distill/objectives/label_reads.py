"""What sequence terms read of each position: the label's log-probability under both models. No methods of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .base import Objective, Options, Part

if TYPE_CHECKING:
    from torch import Tensor

    from .view import View


class LabelLogQ(Part):
    """log q_T(y) with graph."""

    id = "label-logq"
    title = "Label's log-probability, student"
    summary = "The student's log-probability of the label."
    when_to_use = "Read by terms over whole answers."
    formula = r"\log q_T(y)"
    reads = ("student.logq_at_label",)
    needs = frozenset({"labels"})

    def value(self, view: View, T: float, options: Options) -> Tensor:
        return view.label_logq(T)


class LabelLogP(Part):
    """log p_T(y), a constant."""

    id = "label-logp"
    title = "Label's log-probability, teacher"
    summary = "The teacher's log-probability of the label."
    when_to_use = "Read by terms over whole answers."
    formula = r"\log p_T(y)"
    reads = ("teacher.logp_at_label",)
    needs = frozenset({"labels", "teacher", "same_vocabulary"})

    def value(self, view: View, T: float, options: Options) -> Tensor:
        return view.label_logp(T).detach()


def logq_y(T: float = 1.0) -> Objective:
    """The student's log-probability of each label, [N], with graph."""
    return Objective(LabelLogQ(), temperature=T)


def logp_y(T: float = 1.0) -> Objective:
    """The teacher's log-probability of each label, [N], without graph."""
    return Objective(LabelLogP(), temperature=T)
