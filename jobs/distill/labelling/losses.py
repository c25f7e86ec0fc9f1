"""The loss of a label head on one micro-batch: the engine's token terms, with the labels in the place of the vocabulary.

Cross-entropy, forward and reverse KL, JSD, skew KL, DKD, label mixing ... read a view of log-probabilities; here it is that
of the labels, and the teacher's side are soft labels. Temperature and its square are the terms' own: with T^2 the gradient
keeps its size as T grows (Hinton et al. 2015).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..batches import Limits
from ..objectives.scratch import Scratch
from ..objectives.view import DenseTeacher, View
from ..rows import Example
from ..step import Term, weights_of
from .combining import Combine
from .reading import LabelExample, LabelMicro, label_micros

FLOOR = 1e-8  # no label is impossible: its logarithm is kept finite


@dataclass(frozen=True)
class SoftLabels(DenseTeacher):
    """A teacher whose logits over the labels are at hand: `hidden` are log-probabilities [N, L]."""

    @property
    def head_rows(self) -> int:
        return self.hidden.shape[-1]

    def logits(self, vocab: int, scratch: Scratch | None = None, T: float = 1.0) -> Tensor:
        return self.hidden


class LabelLosses:
    """Puts the terms of a stage together for a label head. `modules` holds the policy that chooses teachers, where one does."""

    def __init__(self, model: Any, task: str, pad: int, terms: Sequence[Term], combine: Combine) -> None:
        self.model, self.task, self.pad, self.terms, self.combine = model, task, pad, terms, combine
        self.device = next(model.parameters()).device
        self.modules = nn.ModuleDict({"policy": combine.policy} if combine.policy is not None else {}).to(self.device)
        self.maps: list[tuple[str, list[tuple[int, int]]]] = []

    def micros(self, rows: Sequence[Example], mine: Sequence[int], limits: Limits, reduction: str) -> list[LabelMicro]:
        step: list[LabelExample] = rows  # type: ignore[assignment]  # the source of a labelling arm gives no others
        return label_micros(step, mine, limits, self.pad, reduction, step)

    def of(
        self, micro: LabelMicro, group: Sequence[LabelExample], terms: Sequence[Term], step: int, seed: int | None
    ) -> tuple[Tensor, Tensor]:
        """Loss with graph, normalised over the whole step, and each term's share of it, detached, [terms]."""
        if seed is not None:
            torch.manual_seed(seed)
        logits = logits_of(self.model, micro, self.task).float()
        values, loss = [], logits.new_zeros(())
        soft = taught = None
        if any(t.objective.needs_teacher for t in terms):
            chosen = self.combine.of(group, micro, logits.detach(), step)
            soft, taught = chosen.soft, chosen.there
            if chosen.loss is not None:
                loss = loss + chosen.loss
        known = micro.labels >= 0
        # Where there is no hard label the likeliest soft one stands in, so that every read is defined; its weight is 0.
        labels = torch.where(known, micro.labels, 0)
        view = View(logits, None if soft is None else SoftLabels(soft.clamp_min(FLOOR).log(), None), labels)  # type: ignore[arg-type]
        for term in terms:
            weights = weights_of(term, micro)
            if "labels" in term.objective.part.needs:
                weights = weights * known
            if term.objective.needs_teacher and taught is not None:
                weights = weights * taught
            value = (term.objective.value(view) * weights).sum()
            loss = loss + value
            values.append(value.detach())
        return loss, torch.stack(values).float()


def logits_of(model: Any, micro: LabelMicro, task: str) -> Tensor:
    """[N, L] at the positions that have a label."""
    logits = model(input_ids=micro.input_ids, attention_mask=micro.mask).logits
    return logits if task == "classify" else logits.flatten(0, 1).index_select(0, micro.places)


@torch.no_grad()
def predict(model: Any, examples: Sequence[LabelExample], task: str, pad: int, rows: int = 64) -> list[np.ndarray]:
    """Log-probabilities [positions, L] of each row, in the order given; float32."""
    device = next(model.parameters()).device
    out: list[np.ndarray] = [np.zeros((0, 0), dtype=np.float32)] * len(examples)
    tokens = 1 << 14
    for micro in label_micros(examples, range(len(examples)), Limits(rows, tokens), pad):
        logs = torch.log_softmax(logits_of(model, micro.to(device), task).float(), -1).cpu()  # type: ignore[arg-type]
        for i, part in zip(micro.which, logs.split([examples[i].supervised for i in micro.which]), strict=True):
            out[i] = part.numpy()
    return out
