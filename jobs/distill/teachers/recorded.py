"""Teachers that are not here: their recorded signals stand in for them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from ..batches import Micro
from ..head import RecordedTeacher
from ..objectives import maths
from ..rows import Example
from ..signals import RowSignals, Store, collate
from .base import Side


class SignalTeacher:
    """Finds each row's signals by the hash of its ids."""

    def __init__(self, store: Store, examples: Sequence[Example]) -> None:
        self.store = store
        self.keys = {e.row_id: e.key for e in examples}  # hashed once, not in every epoch

    def side(
        self, micro: Micro, group: Sequence[Example], captures: frozenset[str] = frozenset(), step: int = 0
    ) -> Side:
        return Side(self.signals(micro, group))

    def signals(self, micro: Micro, group: Sequence[Example]) -> RecordedTeacher:
        """What is kept of every position of the micro-batch, N rows."""
        return as_teacher([self.row(e) for e in group], self.store.settings.temperatures, micro.input_ids.device)

    def row(self, example: Example) -> RowSignals:
        return self.store[self.keys[example.row_id]]


def as_teacher(rows: Sequence[RowSignals], temperatures: Sequence[float], device: torch.device) -> RecordedTeacher:
    """Signals of a micro-batch as tensors."""
    ids, z, lse, mask = collate(rows)
    labels = [r.label for r in rows if r.label is not None]
    columns = torch.from_numpy(lse).to(device)
    return RecordedTeacher(
        torch.from_numpy(ids).to(device),
        torch.from_numpy(z).to(device),
        {t: columns[:, i] for i, t in enumerate(temperatures)},
        torch.from_numpy(mask).to(device),
        torch.from_numpy(np.concatenate(labels)).to(device) if len(labels) == len(rows) else None,
    )


class RoutedSignals:
    """Each row's signals are those of its own teacher. of_row: row id -> member."""

    def __init__(self, members: Sequence[SignalTeacher], of_row: Mapping[str, int]) -> None:
        self.members, self.of_row = members, of_row

    def side(
        self, micro: Micro, group: Sequence[Example], captures: frozenset[str] = frozenset(), step: int = 0
    ) -> Side:
        rows = [self.members[self.of_row[e.row_id]].row(e) for e in group]
        return Side(as_teacher(rows, self.members[0].store.settings.temperatures, micro.input_ids.device))


class JointSignals:
    """Several teachers' signals as one: on the ids that any of them kept, the rest in one bucket.

    What a teacher says of an id that only another one kept is not recorded; there its tail, whose mass is exact, counts as
    shared evenly by the ids it did not keep. With K ids of a mass of 0.999 that changes the joint probabilities by less than
    0.001. how: mean or compose, weights as in `JointTeachers`.
    """

    def __init__(self, members: Sequence[SignalTeacher], weights: Sequence[float], combine: str, vocab: int) -> None:
        share = sum(weights) if combine == "geometric" else 1.0
        self.members, self.vocab = members, vocab
        self.how = "mean" if combine == "mean" else "compose"
        self.weights = [w / share for w in weights]

    def side(
        self, micro: Micro, group: Sequence[Example], captures: frozenset[str] = frozenset(), step: int = 0
    ) -> Side:
        return Side(self.joint([m.signals(micro, group) for m in self.members]))

    def joint(self, each: Sequence[RecordedTeacher]) -> RecordedTeacher:
        """The teachers' signals over the union of their ids."""
        union, mask = united(each)
        temperatures = set.intersection(*(set(t.lse) for t in each))
        logps = {T: self._logp([spread(t, union, mask, T, self.vocab) for t in each], mask, T) for T in temperatures}
        label = self._label([t.label_logp for t in each])
        zeros = {T: torch.zeros(len(union), device=union.device) for T in temperatures}
        return UnitedTeacher(union, torch.zeros_like(union, dtype=torch.float32), zeros, mask, label, logps=logps)

    def _logp(self, each: Sequence[tuple[Tensor, Tensor]], mask: Tensor, T: float) -> Tensor:
        """log p_T over the union, [N, U]. each: a teacher's log p_T at those ids and at one id outside, [N, U] and [N]."""
        if self.how == "mean":
            total = sum(self.weights)
            logs = [lp + math.log(w / total) for (lp, _), w in zip(each, self.weights, strict=True) if w]
            return torch.logsumexp(torch.stack(logs), 0)
        inside = torch.stack([lp * a for (lp, _), a in zip(each, self.weights, strict=True)]).sum(0)
        outside = torch.stack([rest * a for (_, rest), a in zip(each, self.weights, strict=True)]).sum(0)
        others = (self.vocab - mask.sum(-1)).clamp(min=0).float().log()  # -inf where nothing is left outside
        known = torch.logsumexp(inside.masked_fill(~mask, -torch.inf), -1)
        return inside - torch.logaddexp(known, outside + others)[:, None]

    def _label(self, each: Sequence[Tensor | None]) -> Tensor | None:
        known = [t for t in each if t is not None]
        if self.how != "mean" or len(known) < len(each):
            return None
        total = sum(self.weights)
        logs = [lp + math.log(w / total) for lp, w in zip(known, self.weights, strict=True) if w]
        return torch.logsumexp(torch.stack(logs), 0)


@dataclass(frozen=True)
class UnitedTeacher(RecordedTeacher):
    """Signals of several teachers, already combined: their log-probabilities at each recorded temperature, {T: [N, U]}."""

    logps: dict[float, Tensor] = field(default_factory=dict)

    def chunk(self, rows: slice, vocab: int) -> UnitedTeacher:
        part = super().chunk(rows, vocab)
        logps = {T: x[rows] for T, x in self.logps.items()}
        return UnitedTeacher(part.ids, part.z, part.lse, part.mask, part.label_logp, logps=logps)

    def logp(self, T: float, dtype: torch.dtype) -> Tensor:
        if T not in self.logps:
            return super().logp(T, dtype)  # which refuses, naming the temperatures there are
        logs = self.logps[T].to(dtype)
        return logs if self.mask is None else logs.masked_fill(~self.mask, maths.ABSENT)


def united(each: Sequence[RecordedTeacher]) -> tuple[Tensor, Tensor]:
    """Every id that any teacher kept, each once a position: ids [N, U] and where they are meant, [N, U]."""
    absent = torch.iinfo(torch.int64).max
    ids = torch.cat([t.ids if t.mask is None else t.ids.masked_fill(~t.mask, absent) for t in each], -1)
    ids = ids.sort(-1).values
    mask = ids != absent
    mask[:, 1:] &= ids[:, 1:] != ids[:, :-1]
    width = int(mask.sum(-1).max())
    order = (~mask).to(torch.int8).argsort(dim=-1, stable=True)[:, :width]  # the ids that count first
    mask = mask.gather(-1, order)
    return ids.gather(-1, order).masked_fill(~mask, 0), mask


def spread(teacher: RecordedTeacher, ids: Tensor, mask: Tensor, T: float, vocab: int) -> tuple[Tensor, Tensor]:
    """One teacher's log p_T at ids [N, U] and at any id it did not keep, [N]: its tail shared evenly."""
    own = teacher.ids if teacher.mask is None else teacher.ids.masked_fill(~teacher.mask, -1)
    logp = teacher.logp(T, torch.float32)
    kept = (own >= 0).sum(-1)
    rest = maths.with_bucket(logp)[:, -1] - (vocab - kept).clamp(min=1).log()
    known, order = own.sort(-1)
    at = torch.searchsorted(known, ids).clamp(max=own.shape[-1] - 1)
    found = known.gather(-1, at) == ids
    value = logp.gather(-1, order.gather(-1, at))
    return torch.where(found, value, rest[:, None]).masked_fill(~mask, maths.ABSENT), rest
