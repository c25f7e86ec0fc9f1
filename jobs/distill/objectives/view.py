"""What a term may read of one chunk of n supervised positions: lazy, memoised, nothing computed that nobody asks for.

The teacher stands on one of three sides: dense (its hidden states and head, projected under no_grad chunk by chunk),
recorded (K ids, their logits and the exact log-normaliser) or absent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from ..errors import PlanRefused
from . import maths
from .joint import JointTeacher
from .live import LiveTeacher
from .scratch import Scratch

if TYPE_CHECKING:
    from ..output_layer import Head
    from .directions import Directions


@dataclass(frozen=True)
class DenseTeacher:
    """A teacher that runs beside the student: its last hidden states at the supervised positions, [N, H_T]."""

    hidden: Tensor
    head: Head

    @property
    def head_rows(self) -> int:
        return self.head.weight.shape[0]

    def chunk(self, rows: slice, vocab: int) -> DenseTeacher:
        return DenseTeacher(self.hidden[rows], self.head)

    by_temperature: ClassVar[bool] = False

    def logits(self, vocab: int, scratch: Scratch | None = None, T: float = 1.0) -> Tensor:
        """[n, V]; the same at every temperature."""
        with torch.no_grad():
            return self.head.logits(self.hidden, vocab, scratch)


@dataclass(frozen=True)
class RecordedTeacher:
    """Recorded signals: ids [N, K], raw logits z [N, K], lse {T: [N]} over the teacher's whole vocabulary.

    `mask` [N, K] is False where a position has fewer than K ids (the padding's id may be anything). `log_rate` [N, K]
    marks ids that were drawn instead of being the top ones: the log of how often an entry was to be expected among the
    draws (see `sampling.draw`), from which the importance weights follow at every temperature.
    """

    ids: Tensor
    z: Tensor
    lse: dict[float, Tensor]
    mask: Tensor | None = None
    label_logp: Tensor | None = None  # log p of the label at T = 1, [N], where it was recorded
    log_rate: Tensor | None = None

    def chunk(self, rows: slice, vocab: int) -> RecordedTeacher:
        ids = self.ids[rows].long()
        known = (ids >= 0) & (ids < vocab)
        mask = known if self.mask is None else known & self.mask[rows]
        lse = {float(T): x[rows] for T, x in self.lse.items()}
        label = None if self.label_logp is None else self.label_logp[rows]
        rate = None if self.log_rate is None else self.log_rate[rows]
        return RecordedTeacher(ids.masked_fill(~mask, 0), self.z[rows], lse, mask, label, rate)

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


Teacher = DenseTeacher | JointTeacher | RecordedTeacher


class View:
    """Reads over one chunk. `leaves`: student reads are cut from the logits and kept, so that the head can put the
    gradient together in closed form from the derivatives by the reads alone."""

    def __init__(
        self,
        logits: Tensor,
        teacher: Teacher | None = None,
        labels: Tensor | None = None,
        *,
        leaves: bool = False,
        scratch: Scratch | None = None,
        directions: Directions | None = None,
    ) -> None:
        self._z = logits
        self._scratch = scratch
        self.teacher = teacher
        self._labels = labels
        self._cut = leaves
        self._directions = directions
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

    def sum_logq(self, T: float = 1.0) -> Tensor:
        """Sum of log q_T over all ids, [n]: of the logits only their sum is kept."""
        return self._once(
            ("sum", T), lambda: self._leaf("sum", T, _over(self._z.sum(-1), T) - self.vocab * self._lse(T))
        )

    @property
    def vocab(self) -> int:
        return self._z.shape[-1]

    @property
    def dtype(self) -> torch.dtype:
        return self._z.dtype

    @property
    def directions(self) -> Directions:
        """Unit vectors of the student's output layer."""
        if self._directions is None:
            raise ValueError("this term reads the output layer; only the head pass gives it")
        return self._directions

    def best(self) -> Tensor:
        """The student's most likely id, [n]."""
        return self._once("best", lambda: self._z.detach().argmax(-1))

    # -- the teacher, constant ------------------------------------------------------------------------------------

    @property
    def dense(self) -> bool:
        """Whether the teacher's whole distribution is at hand."""
        return isinstance(self.teacher, DenseTeacher | JointTeacher | LiveTeacher)

    def _zt(self, T: float = 1.0) -> Tensor:
        """The teacher's logits; those of a mean of several teachers differ with the temperature."""
        if not isinstance(self.teacher, DenseTeacher | JointTeacher | LiveTeacher):
            raise ValueError("this term reads the teacher's whole distribution; recorded signals hold only its top k")
        teacher = self.teacher

        def make() -> Tensor:
            return teacher.logits(self._z.shape[-1], T=T).to(self._z.dtype)

        return self._once(("zt", T) if teacher.by_temperature else "zt", make)

    def logp(self, T: float = 1.0) -> Tensor:
        """log p_T over the vocabulary, [n, V]."""
        return self._once(("logp", T), lambda: _over(self._zt(T), T) - self._lse_t(T)[:, None])

    def label_logp(self, T: float = 1.0) -> Tensor:
        """log p_T of the label, [n]: a gather of a dense teacher's logits, or what was recorded of it at T = 1."""
        if isinstance(self.teacher, RecordedTeacher):
            return self._recorded_label(self.teacher, T).to(self._z.dtype)
        return self._once(
            ("label p", T), lambda: _over(self._zt(T).gather(-1, self.labels[:, None])[:, 0], T) - self._lse_t(T)
        )

    @staticmethod
    def _recorded_label(teacher: RecordedTeacher, T: float) -> Tensor:
        if teacher.label_logp is None or T != 1:
            kept = "at temperature 1 alone" if teacher.label_logp is not None else "for the top tokens alone"
            raise PlanRefused(
                f"A term reads the teacher's log-probability of the label at temperature {T:g}; these signals hold it {kept}.",
                field="teacher",
                hint="Train with teacher: online.",
            )
        return teacher.label_logp

    def pair(self, T: float = 1.0, tail: str = "bucket", support: int = 64) -> tuple[Tensor, Tensor]:
        """(log p_T, log q_T) over the same outcomes: [n, V] with a dense teacher; [n, K + 1] or [n, K] with recorded
        signals, where `tail` says what stands for the rest. With uniform the last number is no log-probability of the
        student but its mean log q over the other ids plus log of their number: right for expectations under p alone.
        With student_support the K ids are the student's own best `support` ones.
        """
        if tail == "student_support":
            return self._student_pair(T, support)
        if not isinstance(self.teacher, RecordedTeacher):
            return self.logp(T), self.logq(T)
        self._refuse_draws(self.teacher, tail)
        lp, lq = self._recorded_pair(self.teacher, T)
        if tail == "bucket":
            return maths.with_bucket(lp), maths.with_bucket(lq)
        if tail == "uniform":
            return maths.with_bucket(lp), torch.cat([lq, self._rest_logq(lq, T)], -1)
        return maths.renormalised(lp), lq if tail == "zero" else maths.renormalised(lq)

    def _recorded_pair(self, teacher: RecordedTeacher, T: float) -> tuple[Tensor, Tensor]:
        """Exact log p_T and log q_T at the recorded ids, both [n, K]; ABSENT where padded."""
        lp = self._once(("top p", T), lambda: teacher.logp(T, self._z.dtype))
        lq = self._once(("top q", T), lambda: self.logq_at(teacher.ids, T))
        return lp, lq if teacher.mask is None else lq.masked_fill(~teacher.mask, maths.ABSENT)

    def _rest_logq(self, lq: Tensor, T: float) -> Tensor:
        """Mean of log q_T over the ids outside the recorded ones plus log of their number, [n, 1]."""
        mask = self.teacher.mask if isinstance(self.teacher, RecordedTeacher) else None
        inside = lq if mask is None else lq.masked_fill(~mask, 0.0)
        known = lq.new_full(lq.shape[:1], lq.shape[-1]) if mask is None else mask.sum(-1).to(lq.dtype)
        others = (self.vocab - known).clamp(min=1)
        return ((self.sum_logq(T) - inside.sum(-1)) / others + others.log())[:, None]

    def _student_pair(self, T: float, support: int) -> tuple[Tensor, Tensor]:
        self.live("tail: student_support")
        k = min(support, self.vocab)
        ids = self._once(("own top", k), lambda: self._z.detach().topk(k, -1).indices)
        lq = self._once(("own q", T, k), lambda: self.logq_at(ids, T))
        return maths.with_bucket(self.logp_at(ids, T)), maths.with_bucket(lq)

    @staticmethod
    def _refuse_draws(teacher: RecordedTeacher, tail: str) -> None:
        if (teacher.log_rate is None) == (tail != "sampled"):
            return
        held = "the teacher's top tokens" if teacher.log_rate is None else "tokens drawn at random"
        raise PlanRefused(
            f"These signals hold {held}, which tail: {tail} cannot read.",
            field="terms.options.tail",
            hint="Use tail: bucket." if teacher.log_rate is None else "Use tail: sampled.",
        )

    def sampled(self, T: float = 1.0) -> tuple[Tensor, Tensor, Tensor]:
        """(w, log p_T, log q_T) at drawn ids, [n, K] each: sum of w f estimates the sum of p_T f over the vocabulary
        without bias (Sparse Logit Sampling, arXiv:2503.16870)."""
        teacher = self.teacher
        if not isinstance(teacher, RecordedTeacher):
            return self.logp(T).exp(), self.logp(T), self.logq(T)
        self._refuse_draws(teacher, "sampled")
        lp, lq = self._recorded_pair(teacher, T)
        rate = self._once("rate", lambda: torch.zeros_like(lp) if teacher.log_rate is None else teacher.log_rate.to(lp))
        return (lp - rate).exp(), lp, lq

    def top(self, T: float, k: int) -> tuple[Tensor, Tensor]:
        """(log p_T, log q_T) at the teacher's k likeliest ids, or at all recorded ones where they are fewer, [n, <= k]."""
        if isinstance(self.teacher, RecordedTeacher):
            self._refuse_draws(self.teacher, "top k")
            lp, lq = self._recorded_pair(self.teacher, T)
            best = lp.topk(min(k, lp.shape[-1]), -1).indices
            return lp.gather(-1, best), lq.gather(-1, best)
        ids = self._once(("top", k), lambda: self._zt().topk(min(k, self.vocab), -1).indices)
        return self.logp_at(ids, T), self.logq_at(ids, T)

    @property
    def recorded_ids(self) -> Tensor | None:
        """Ids [n, K] of recorded signals; None with a teacher that runs."""
        return self.teacher.ids if isinstance(self.teacher, RecordedTeacher) else None

    def live(self, who: str) -> None:
        """Raises PlanRefused unless the teacher's whole distribution is at hand."""
        if isinstance(self.teacher, RecordedTeacher):
            raise PlanRefused(
                f"{who} reads the teacher's whole distribution; recorded signals hold only some of its tokens.",
                field="teacher",
                hint="Train with teacher: online.",
            )

    def live_pair(self, T: float, who: str) -> tuple[Tensor, Tensor]:
        """(log p_T, log q_T), [n, V] each; raises PlanRefused with recorded signals."""
        self.live(who)
        return self.logp(T), self.logq(T)

    def logp_at(self, ids: Tensor, T: float = 1.0) -> Tensor:
        """log p_T of a teacher that runs at ids [n, m]."""
        return _over(self._zt(T).gather(-1, ids), T) - self._lse_t(T)[:, None]

    def best_of_teacher(self) -> Tensor:
        """The most likely id of a teacher that runs, [n]."""
        return self._once("best of teacher", lambda: self._zt().argmax(-1))

    def label_outcome(self, tail: str = "bucket", support: int = 64) -> Tensor:
        """Place of the label among the outcomes of `pair` with a bucket, [n]; the bucket where it is none of the K ids."""
        ids, mask = self.recorded_ids, None
        if tail == "student_support":
            ids = self._once(("own top", k := min(support, self.vocab)), lambda: self._z.detach().topk(k, -1).indices)
        elif isinstance(self.teacher, RecordedTeacher):
            mask = self.teacher.mask
        if ids is None:
            return self.labels
        found = ids == self.labels[:, None]
        found = found if mask is None else found & mask
        return torch.where(found.any(-1), found.int().argmax(-1), ids.shape[-1])

    # -- constants for closed-form slopes -------------------------------------------------------------------------

    def empty(self) -> Tensor:
        """An uninitialised block like the logits, [n, V], for a slope to work in."""
        z = self._z
        if self._scratch is None:
            return torch.empty_like(z)
        return self._scratch.take(z.shape[0], z.shape[1], z.dtype, z.device)

    def q(self, T: float = 1.0) -> Tensor:
        """q_T, [n, V], without graph."""
        return self._once(("q", T), lambda: self._softmax(self._z.detach(), T))

    def p(self, T: float = 1.0) -> Tensor:
        """p_T, [n, V]."""
        return self._once(("p", T), lambda: self._softmax(self._zt(T), T))

    def _ratio(self, rows: slice, T: float) -> Tensor:
        """log p_T - log q_T of some rows, without graph."""
        gap = torch.sub(self._zt(T)[rows], self._z.detach()[rows])
        return (gap if T == 1 else gap.div_(T)).add_(self._shift(T)[rows, None])

    def fill(self, T: float, work: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]) -> tuple[Tensor, Tensor]:
        """Runs `work(p, q, r, g) -> value` over blocks of rows; r = log p - log q is its own to overwrite, g is to be
        filled. Returns values [n] and g [n, V]. Blocks stay in the processor's cache from one operation to the next."""
        p, q, g = self.p(T), self.q(T), self.empty()
        return maths.by_rows(g, lambda s: work(p[s], q[s], self._ratio(s, T), g[s])), g

    def forward_kl(self, T: float = 1.0) -> Tensor:
        """Sum of p_T (log p_T - log q_T), [n], without graph."""
        p = self.p(T)
        return self._once(("forward kl", T), lambda: maths.by_rows(p, lambda s: self._ratio(s, T).mul_(p[s]).sum(-1)))

    def mean_logq(self, T: float = 1.0) -> Tensor:
        """Sum of p_T log q_T, [n], without graph and without a row of log q."""
        dot = self._once(("p z", T), lambda: maths.row_dot(self.p(T), self._z.detach()))
        return _over(dot, T) - self._lse(T).detach()

    def _shift(self, T: float) -> Tensor:
        return self._lse(T).detach() - self._lse_t(T)

    def _softmax(self, z: Tensor, T: float) -> Tensor:
        out = self.empty()
        if T == 1:
            return torch.softmax(z, -1, out=out)
        maths.by_rows(z, lambda s: torch.softmax(z[s] / T, -1, out=out[s])[:, 0])
        return out

    def _lse(self, T: float) -> Tensor:
        return self._once(("raw lse", T), lambda: self._normaliser(self._z, T, self.q if self._cut else None))

    def _lse_t(self, T: float) -> Tensor:
        return self._once(("teacher lse", T), lambda: self._normaliser(self._zt(T), T, self.p))

    @staticmethod
    def _normaliser(z: Tensor, T: float, probabilities: Callable[[float], Tensor] | None) -> Tensor:
        """log sum exp(z / T). With the probabilities at hand it is read off at the largest logit: z_max / T - log q_max,
        two reading passes instead of a second exponential over the vocabulary."""
        if probabilities is None:
            return torch.logsumexp(_over(z, T), -1)
        return _over(z.detach().amax(-1), T) - probabilities(T).amax(-1).log()


def _over(z: Tensor, T: float) -> Tensor:
    return z if T == 1 else z / T
