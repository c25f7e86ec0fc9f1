"""A look at a few training rows kept apart, while a label head trains."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ..students.lora import training_mode
from .judging import scores_of

if TYPE_CHECKING:
    from ..work import Work


class LabelWatcher:
    """Score by the run's metric, and nats a label, on the watched slice."""

    def __init__(self, work: Work) -> None:
        assert work.labelling is not None
        self.work, self.labeller = work, work.labelling
        self.rows = [r for r in work.watched if r.labelled]
        self.gold = [self.labeller.reader.example(r, r.answer)[0].targets for r in self.rows]

    def look(self, step: int) -> Mapping[str, float]:
        model = self.work.model
        logs = self.labeller.logs(model, self.labeller.examples(self.rows))
        training_mode(model)
        said = {r.row_id: self.labeller.answer(r, one) for r, one in zip(self.rows, logs, strict=True)}
        nats = [
            -one[np.arange(len(g)), np.maximum(g, 0)][g >= 0] for one, g in zip(logs, self.gold, strict=True) if len(g)
        ]
        flat = np.concatenate(nats) if nats else np.zeros(0)
        score = scores_of(self.labeller, self.rows, said)
        return {"score": float(score.mean()), "loss": float(flat.mean()) if len(flat) else 0.0}
