"""A teacher that is not here: its recorded signals stand in for it."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ..batches import Micro
from ..head import RecordedTeacher
from ..rows import Example
from ..signals import Store, collate
from .base import Side


class SignalTeacher:
    """Finds each row's signals by the hash of its ids."""

    def __init__(self, store: Store, examples: Sequence[Example]) -> None:
        self.store = store
        self.keys = {e.row_id: e.key for e in examples}  # hashed once, not in every epoch

    def side(
        self, micro: Micro, group: Sequence[Example], captures: frozenset[str] = frozenset(), step: int = 0
    ) -> Side:
        return Side(self._signals(micro, group))

    def _signals(self, micro: Micro, group: Sequence[Example]) -> RecordedTeacher:
        ids, z, lse, mask = collate([self.store[self.keys[e.row_id]] for e in group])
        device = micro.input_ids.device
        columns = torch.from_numpy(lse).to(device)
        return RecordedTeacher(
            torch.from_numpy(ids).to(device),
            torch.from_numpy(z).to(device),
            {t: columns[:, i] for i, t in enumerate(self.store.settings.temperatures)},
            torch.from_numpy(mask).to(device),
        )
