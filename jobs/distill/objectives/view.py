"""What a term may read of one chunk of n supervised positions: lazy, memoised, nothing computed that nobody asks for.

The teacher stands on one of three sides: dense (its hidden states and head, projected under no_grad chunk by chunk),
recorded (K ids, their logits and the exact log-normaliser) or absent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..errors import PlanRefused
from . import maths

if TYPE_CHECKING:
    from ..head import Head


@dataclass(frozen=True)
class DenseTeacher:
    """A teacher that runs beside the student: its last hidden states at the supervised positions, [N, H_T]."""

    hidden: Tensor
    head: Head

    def chunk(self, rows: slice, vocab: int) -> DenseTeacher:
        return DenseTeacher(self.hidden[rows], self.head)

    def logits(self, vocab: int) -> Tensor:
        with torch.no_grad():
            return self.head.logits(self.hidden, vocab)


@dataclass(frozen=True)
class RecordedTeacher:
    """Recorded signals: ids [N, K], raw logits z [N, K], lse {T: [N]} over the teacher's whole vocabulary.

    `mask` [N, K] is False where a position has fewer than K ids (the padding's id may be anything).
    """

    ids: Tensor
    z: Tensor
    lse: dict[float, Tensor]
    mask: Tensor | None = None

    def chunk(self, rows: slice, vocab: int) -> RecordedTeacher:
        ids = self.ids[rows].long()
        known = (ids >= 0) & (ids < vocab)
        mask = known if self.mask is None else known & self.mask[rows]
        lse = {float(T): x[rows] for T, x in self.lse.items()}
        return RecordedTeacher(ids.masked_fill(~mask, 0), self.z[rows], lse, mask)

    def logp(self, T: float, dtype: torch.dtype) -> Tensor:
        """Exact log p_T at the K ids; ABSENT where padded. [n, K]"""
        if T not in self.lse:
            known = ", ".join(f"{t:g}" for t in sorted(self.lse))
            raise PlanRefused(
                f"A term asks for the teacher at temperature {T:g}, but its signals were recorded at {known}.",
                field="temperature",
                hint=f"Record them again with temperatures that include {T:g}, or train with teacher: online.",
            )
        logs = self.z.to(dtype) / T - self.lse[T].to(dtype)[:, None]
        return logs.masked_fill(~self.mask, maths.ABSENT) if self.mask is not None else logs


Teacher = DenseTeacher | RecordedTeacher


class View:
    """Reads over one chunk. `leaves`: student reads are cut from the logits and kept, so that the head can put the
    gradient together in closed form from the derivatives by the reads alone."""

    def __init__(
        self, logits: Tensor, teacher: Teacher | None = None, labels: Tensor | None = None, *, leaves: bool = False
    ) -> None:
        self._z = logits
        self.teacher = teacher
        self._labels = labels
        self._cut = leaves
        self._memo: dict[Any, Tensor] = {}
        self.leaves: dict[tuple[str, float, int], tuple[Tensor, Tensor | None]] = {}

    def _once(self, key: Any, make: Callable[[], Tensor]) -> Tensor:
        if key not in self._memo:
            self._memo[key] = make()
        return self._memo[key]

    def _leaf(self, kind: str, T: float, value: Tensor, ids: Tensor | None = None) -> Tensor:
        if not self._cut:
            return value
        leaf = value.detach().requires_grad_()
        self.leaves[kind, T, len(self.leaves)] = (leaf, ids)
        return leaf

    # -- the student, with gradient -------------------------------------------------------------------------------

    @property
    def labels(self) -> Tensor:
        """Ids of the tokens to predict, [n]."""
        if self._labels is None:
            raise ValueError("this term reads labels; give them to the head pass")
        return self._labels

    @property
    def logits(self) -> Tensor:
        """Raw student logits, [n, V]: for terms that are not a function of log-probabilities."""
        return self._once("logits", lambda: self._leaf("logits", 1.0, self._z))

    def lse(self, T: float = 1.0) -> Tensor:
        """log sum exp(z / T), [n]."""
        return self._once(("lse", T), lambda: self._leaf("lse", T, self._lse(T)))

    def logq(self, T: float = 1.0) -> Tensor:
        """log q_T over the vocabulary, [n, V]."""
        return self._once(("logq", T), lambda: self._leaf("logq", T, _over(self._z, T) - self._lse(T)[:, None]))

    def logq_at(self, ids: Tensor, T: float = 1.0) -> Tensor:
        """log q_T at ids [n, m]: only a gather, no dense row is kept."""
        return self._leaf("at", T, _over(self._z.gather(-1, ids), T) - self._lse(T)[:, None], ids)

    def label_logq(self, T: float = 1.0) -> Tensor:
        """log q_T of the label, [n]."""
        return self._once(("label", T), lambda: self.logq_at(self.labels[:, None], T))[:, 0]

    # -- the teacher, constant ------------------------------------------------------------------------------------

    @property
    def dense(self) -> bool:
        """Whether the teacher's whole distribution is at hand."""
        return isinstance(self.teacher, DenseTeacher)

    def _zt(self) -> Tensor:
        if not isinstance(self.teacher, DenseTeacher):
            raise ValueError("this term reads the teacher's whole distribution; recorded signals hold only its top k")
        teacher = self.teacher
        return self._once("zt", lambda: teacher.logits(self._z.shape[-1]).to(self._z.dtype))

    def logp(self, T: float = 1.0) -> Tensor:
        """log p_T over the vocabulary, [n, V]."""
        return self._once(("logp", T), lambda: _over(self._zt(), T) - self._lse_t(T)[:, None])

    def pair(self, T: float = 1.0, tail: str = "bucket") -> tuple[Tensor, Tensor]:
        """(log p_T, log q_T) over the same outcomes: [n, V] with a dense teacher; [n, K + 1] or [n, K] with recorded
        signals, where `tail` says what stands for the rest (bucket, zero, renorm)."""
        if not isinstance(self.teacher, RecordedTeacher):
            return self.logp(T), self.logq(T)
        teacher = self.teacher
        lp = self._once(("top p", T), lambda: teacher.logp(T, self._z.dtype))
        lq = self._once(("top q", T), lambda: self.logq_at(teacher.ids, T))
        if teacher.mask is not None:
            lq = lq.masked_fill(~teacher.mask, maths.ABSENT)
        if tail == "bucket":
            return maths.with_bucket(lp), maths.with_bucket(lq)
        return maths.renormalised(lp), lq if tail == "zero" else maths.renormalised(lq)

    # -- constants for closed-form slopes -------------------------------------------------------------------------

    def q(self, T: float = 1.0) -> Tensor:
        """q_T, [n, V], without graph."""
        return self._once(("q", T), lambda: torch.softmax(_over(self._z.detach(), T), -1))

    def p(self, T: float = 1.0) -> Tensor:
        """p_T, [n, V]."""
        return self._once(("p", T), lambda: torch.softmax(_over(self._zt(), T), -1))

    def log_ratio(self, T: float = 1.0) -> Tensor:
        """log p_T - log q_T, [n, V], without graph."""

        def make() -> Tensor:
            gap = self._zt() - self._z.detach()
            if T != 1:
                gap.div_(T)
            return gap.add_((self._lse(T).detach() - self._lse_t(T))[:, None])

        return self._once(("ratio", T), make)

    def mean_logq(self, T: float = 1.0) -> Tensor:
        """Sum of p_T log q_T, [n], without graph and without a row of log q."""
        return self._once(("p logq", T), lambda: _over(maths.row_dot(self.p(T), self._z.detach()), T) - self._lse(T).detach())

    def mean_logp(self, T: float = 1.0) -> Tensor:
        """Sum of p_T log p_T, [n]: minus the teacher's entropy."""
        return self._once(("p logp", T), lambda: _over(maths.row_dot(self.p(T), self._zt()), T) - self._lse_t(T))

    def _lse(self, T: float) -> Tensor:
        return self._once(("raw lse", T), lambda: self._normaliser(self._z, T, self.q if self._cut else None))

    def _lse_t(self, T: float) -> Tensor:
        return self._once(("teacher lse", T), lambda: self._normaliser(self._zt(), T, self.p))

    @staticmethod
    def _normaliser(z: Tensor, T: float, probabilities: Callable[[float], Tensor] | None) -> Tensor:
        """log sum exp(z / T). With the probabilities at hand it is read off at the largest logit: z_max / T - log q_max,
        two reading passes instead of a second exponential over the vocabulary."""
        if probabilities is None:
            return torch.logsumexp(_over(z, T), -1)
        return _over(z.detach().amax(-1), T) - probabilities(T).amax(-1).log()


def _over(z: Tensor, T: float) -> Tensor:
    return z if T == 1 else z / T
