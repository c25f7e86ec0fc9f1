"""A teacher with weights here: it runs beside the student on the same micro-batches, or ahead of it to record signals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch

from ..batches import Limits, Micro, micro_batches
from ..capture import capture, gathered
from ..head import DenseTeacher, Head, head_read
from ..rows import Example
from ..shapes.vocabulary import kept_head
from ..signals import Store, trim
from ..two_parts import laid_out, states_of
from ..weights import backbone
from .base import Side


class LocalTeacher:
    """Gives the head pass the teacher's states at the supervised positions; its logits are made chunk by chunk there."""

    def __init__(self, model: Any, vocab: int | None = None, kept: torch.Tensor | None = None) -> None:
        """kept [V_S]: the teacher's id of each of the student's ids, where the student knows only a part of them."""
        self.model = model
        self.head = Head.of(model, vocab) if kept is None else kept_head(Head.of(model), kept)
        self.backbone = backbone(model)
        self.kept = kept

    def states(self, micro: Micro) -> torch.Tensor:
        """Last hidden states of the supervised positions, [N, H_T], without graph."""
        micro = laid_out(micro, self.backbone)
        if self.kept is not None:
            micro = replace(micro, input_ids=self.kept.to(micro.input_ids.device)[micro.input_ids])
        with torch.inference_mode():
            states = states_of(self.backbone, micro)
        # Gathered outside inference mode: the copy is an ordinary tensor that autograd may keep.
        return states.flatten(0, 1).index_select(0, micro.places)

    def side(
        self, micro: Micro, group: Sequence[Example], captures: frozenset[str] = frozenset(), step: int = 0
    ) -> Side:
        micro = laid_out(micro, self.backbone)
        with capture(self.backbone, captures) as kept:
            hidden = self.states(micro)
        states = {name: gathered(name, tensor, micro) for name, tensor in kept.items()}
        return Side(DenseTeacher(hidden, self.head), states, hidden, self.head)

    @torch.no_grad()
    def record(
        self, examples: Sequence[Example], store: Store, limits: Limits, batch_size: int, told: Callable[[int], bool]
    ) -> bool:
        """Records the rows that `store` lacks. `told` hears how many of them are done and answers whether to stop.

        Returns False when it was stopped; what is recorded so far is on the disk.
        """
        by_key = {e.key: e for e in examples}
        todo = sorted((by_key[k] for k in store.missing(by_key)), key=lambda e: (-len(e.ids), e.key))
        for begin in range(0, len(todo), batch_size):
            some = todo[begin : begin + batch_size]
            for micro in micro_batches(some, range(len(some)), limits):
                self._record_micro(micro, [some[i] for i in micro.which], store)
            if told(min(begin + batch_size, len(todo))):
                store.flush()
                return False
        store.flush()
        return True

    def _record_micro(self, micro: Micro, group: list[Example], store: Store) -> None:
        settings = store.settings
        micro = micro.to(next(self.model.parameters()).device)
        reads = head_read(
            self.states(micro), self.head, micro.labels, temperatures=settings.temperatures, top_k=settings.top_k,
            mass=settings.mass, entropy=True,
        )  # fmt: skip
        stacked = torch.stack([reads.lse[t] for t in settings.temperatures], -1)
        whole = (reads.label_logp, reads.entropy, reads.mass)
        kept = (reads.ids, reads.z, reads.count, stacked, *whole)
        ids, z, count, lse, label, entropy, mass = (
            t.float().cpu().numpy() if t.is_floating_point() else t.cpu().numpy() for t in kept if t is not None
        )
        first = 0
        for e in group:
            at = slice(first, first := first + e.supervised)
            store.add(
                e.key, trim(ids[at], z[at], count[at], lse[at], settings.temperatures, label[at], entropy[at], mass[at])
            )
