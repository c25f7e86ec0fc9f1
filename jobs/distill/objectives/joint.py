"""Several teachers as one: the logits of their joint distribution, made chunk by chunk like those of a single one.

mean     p(v) = sum_k w_k softmax(z_k / T)(v). Its forward KL has the gradient of the weighted forward KLs (Hinton's soft targets
         of an ensemble); it depends on T, so its logits are made for a temperature: T log p.
compose  z = sum_k a_k z_k. With shares that sum to 1 this is the geometric mean, whose reverse KL has the gradient of the
         weighted reverse KLs; with other signs it moves away from a model (DExperts, Liu et al. 2021, arXiv:2105.03023).
forget   z = z_1 - a relu(z_2 - z_1): lowered where the second, which knows a text better, rose (Eldan and Russinovich 2023,
         arXiv:2310.02238).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

import torch
from torch import Tensor

from .scratch import Scratch


class Voice(Protocol):
    """A teacher whose whole distribution is at hand."""

    @property
    def head_rows(self) -> int: ...

    def chunk(self, rows: slice, vocab: int) -> Voice: ...

    def logits(self, vocab: int, scratch: Scratch | None = None, T: float = 1.0) -> Tensor: ...


@dataclass(frozen=True)
class JointTeacher:
    """voices: one for each teacher, over the same N positions, or over those of its own where `places` says which.

    weights: share in the mean or coefficient in the composition, one a voice; a route needs none.
    """

    voices: Sequence[Voice]
    how: Literal["mean", "compose", "route", "forget"]
    weights: tuple[float, ...] = ()
    places: tuple[Tensor, ...] = ()  # for a route: positions of each voice, int64 [N_k], rising; together 0 .. N - 1

    @property
    def by_temperature(self) -> bool:
        return self.how == "mean"

    @property
    def head_rows(self) -> int:
        """Rows of the smallest output layer among them."""
        return min(v.head_rows for v in self.voices)

    def chunk(self, rows: slice, vocab: int) -> JointTeacher:
        if self.how != "route":
            return replace(self, voices=[v.chunk(rows, vocab) for v in self.voices])
        voices, places = [], []
        for voice, place in zip(self.voices, self.places, strict=True):
            begin, end = torch.searchsorted(place, torch.tensor([rows.start, rows.stop], device=place.device)).tolist()
            if begin < end:
                voices.append(voice.chunk(slice(begin, end), vocab))
                places.append(place[begin:end] - rows.start)
        return replace(self, voices=voices, places=tuple(places))

    def logits(self, vocab: int, scratch: Scratch | None = None, T: float = 1.0) -> Tensor:
        """[n, V]; softmax(logits / T) is the joint distribution at T. At most three blocks of that size are alive."""
        with torch.no_grad():
            if self.how == "route":
                return self._routed(vocab)
            if self.how == "mean":
                return self._mean(vocab, T)
            return self._forgetting(vocab) if self.how == "forget" else self._composed(vocab)

    def _routed(self, vocab: int) -> Tensor:
        out: Tensor | None = None
        for voice, place in zip(self.voices, self.places, strict=True):
            z = voice.logits(vocab)
            if out is None:
                out = z.new_empty(sum(map(len, self.places)), vocab)
            out[place] = z.to(out.dtype)
        if out is None:
            raise ValueError("a route over no positions has no logits")
        return out

    def _composed(self, vocab: int) -> Tensor:
        total: Tensor | None = None
        for voice, a in zip(self.voices, self.weights, strict=True):
            if a:  # a teacher that counts for nothing changes nothing, not even by rounding
                z = voice.logits(vocab)
                total = z * a if total is None else total.add_(z.to(total.dtype), alpha=a)
        if total is None:
            raise ValueError("every coefficient is 0: the teachers add up to nothing")
        return total

    def _forgetting(self, vocab: int) -> Tensor:
        base, reinforced = (v.logits(vocab) for v in self.voices)
        return base - self.weights[1] * torch.relu(reinforced.to(base.dtype) - base)

    def _mean(self, vocab: int, T: float) -> Tensor:
        total: Tensor | None = None
        for voice, w in zip(self.voices, self.weights, strict=True):
            if w:
                p = torch.softmax(voice.logits(vocab) / T, -1)
                total = p.mul_(w) if total is None else total.add_(p.to(total.dtype), alpha=w)
        if total is None:
            raise ValueError("every weight is 0: there is no mean")
        return total.div_(sum(self.weights)).clamp_min_(torch.finfo(total.dtype).tiny).log_().mul_(T)
