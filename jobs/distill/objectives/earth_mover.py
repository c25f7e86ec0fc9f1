"""Earth-mover terms of EMO: probability is cheap to move between tokens whose output vectors point the same way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .base import Options, Paper, Part, Slope

if TYPE_CHECKING:
    from torch import Tensor

    from .view import View

EMO = Paper(
    title="EMO: Earth Mover Distance Optimization for Auto-Regressive Language Modeling", authors="Ren, Wu, Liu", year=2024,
    venue="ICLR", url="https://arxiv.org/abs/2310.04691", arxiv="2310.04691",
)  # fmt: skip


class _Transport(Part):
    """1 - <sum_u q_u e_u, sum_v p_v e_v> with unit vectors e: two products with the output layer, no [V, V] cost."""

    def _towards(self, view: View, T: float) -> Tensor:
        """Cosine of every token with the target's mean direction, [n, V], a constant."""
        raise NotImplementedError

    def value(self, view: View, T: float, options: Options) -> Tensor:
        return 1 - (view.logq(T).exp() * self._towards(view, T)).sum(-1)

    def slope(self, view: View, T: float, options: Options) -> Slope:
        g = self._towards(view, T).mul_(view.q(T))
        kept = g.sum(-1)
        return Slope(1 - kept, dense=g, factor=-1.0, total=-kept, owned=True)


class EarthMover(_Transport):
    id = "earth-mover"
    title = "Earth-mover bound to the teacher"
    summary = "Expected distance between a token of the student and one of the teacher, by the cosine of their output vectors."
    when_to_use = "Beside cross-entropy or a KL, when near-synonyms should count as nearly right."
    formula = r"\ell = \sum_{u,v} q_T(u)\,C_{uv}\,p_T(v),\quad C_{uv} = 1 - \cos(e_u, e_v)"
    paper = EMO
    reads = ("student.logq", "student.head", "teacher.logp")
    needs = frozenset({"teacher", "same_vocabulary"})

    def _towards(self, view: View, T: float) -> Tensor:
        directions = view.directions
        ids = view.recorded_ids
        if ids is None:
            return directions.towards(directions.centre(view.p(T)))
        lp, _ = view.pair(T, "zero")  # recorded signals: the teacher renormalised over its top k
        return directions.towards(directions.centre_at(ids, lp.exp()))


class EarthMoverLabel(_Transport):
    id = "earth-mover-label"
    title = "Earth-mover distance to the answer"
    summary = "Expected distance between a token of the student and the answer's, by the cosine of their output vectors; needs no teacher."
    when_to_use = (
        "Beside cross-entropy in plain fine-tuning on few rows, when near-synonyms should count as nearly right."
    )
    formula = r"\ell = \sum_u q_T(u)\,\bigl(1 - \cos(e_u, e_y)\bigr)"
    paper = EMO
    reads = ("student.logq", "student.head")
    needs = frozenset({"labels"})

    def _towards(self, view: View, T: float) -> Tensor:
        ids = view.labels[:, None]
        return view.directions.towards(view.directions.centre_at(ids, ids.new_ones(ids.shape, dtype=view.dtype)))
