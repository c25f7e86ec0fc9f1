"""What the acceptance tests of on-policy systems share: a short run on the tiny pair, and a policy over a small vocabulary."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from jobs.distill.events import Events, read
from jobs.distill.objectives.sequences import Sequences
from jobs.distill.run import distill
from tests.jobs.distill import tiny


def trained(folder: Path, method: str, options: dict[str, Any] | None = None, **changes: Any) -> list[dict[str, Any]]:
    """Runs the system's small form for a few steps; returns the metric events of the student."""
    torch.set_num_threads(1)
    given = tiny.rows(labelled=12, unlabelled=4, heldout=4)
    for n, row in enumerate(given):
        row["fields"] = json.dumps({"privileged": f"sum {n}"})
    train = {"steps": 4, "batch_size": 4, "learning_rate": 0.01, "max_new_tokens": 5, **changes}
    asked = {"answer_tokens": 5, **(options or {})}
    recipe = {"method": method, "options": asked, "train": train, "control": False}
    distill(tiny.run_folder(folder / "run", recipe, given), events := Events(folder / "run"))
    del events
    found = [e for e in read(folder / "run" / "events.jsonl") if e["type"] == "metric" and e["arm"] == "student"]
    losses = [e["values"]["loss"] for e in found if "loss" in e["values"]]
    assert len(losses) == train["steps"] and all(torch.isfinite(torch.tensor(losses)))
    return found


def values(found: list[dict[str, Any]], name: str) -> list[float]:
    return [e["values"][name] for e in found if name in e["values"]]


def answers(*lengths: int, group: list[int] | None = None, **features: Any) -> Sequences:
    """Rollouts of these lengths, each a group of its own unless said otherwise."""
    of = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths))
    groups = torch.tensor(group or list(range(len(lengths))))
    return Sequences(of, groups, ["rollout"] * len(lengths), torch.zeros(len(of), dtype=torch.long), features)


def distributions(vocab: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """A student's logits [V] with gradient and a teacher's log-probabilities [V]."""
    g = torch.Generator().manual_seed(seed)
    z = torch.randn(vocab, generator=g, dtype=torch.float64).requires_grad_()
    return z, torch.randn(vocab, generator=g, dtype=torch.float64).mul(1.5).log_softmax(-1)


def cosine(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(torch.nn.functional.cosine_similarity(a.flatten(), b.flatten(), dim=0))
