"""A system of token terms held to its textbook formula: dense probabilities of both models, position by position."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from jobs.distill.stages import terms_of
from tests.jobs.distill.systems import duo

Formula = Callable[[Tensor, Tensor, Tensor], Tensor]  # p, q [n, V] and the labels [n] -> [n]
ROWS = (("is it lost?", "card lost"), ("money back please", "refund"), ("what is the rate", "exchange rate"))


def both(folder: Path, method: str, formula: Formula, **options: Any) -> tuple[float, float]:
    """The step's loss by the engine, and by the formula over all answer positions of the same rows."""
    model, side = duo.learner(folder), duo.teacher(folder)
    with torch.no_grad():  # away from the adapter's silent start
        for p in model.parameters():
            if p.requires_grad:
                p.add_(0.02)
    rows = [duo.RENDERER.example(duo.row(q, q, a)) for q, a in ROWS]
    stage = duo.stage(method, "distil", **options)
    ours = float(duo.shares(model, terms_of(stage), rows, stage.reduction, side).sum())
    parts = []
    for e in rows:
        y = torch.from_numpy(e.ids[e.start :].astype("int64"))
        parts.append(formula(duo.dense(side.model, e).exp(), duo.dense(model, e).exp(), y))
    return ours, float(torch.cat(parts).mean())


def trains(folder: Path, method: str, term: str, **options: Any) -> None:
    """The small form runs from its folder to its adapter, and the term is there at every step."""
    assert len(duo.losses_of(duo.run(folder / "run", method, **options), term)) == 3
