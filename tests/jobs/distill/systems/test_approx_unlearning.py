"""Target logits = base - a*relu(reinforced-base) to 1e-6; planted phrase completion rate falls, general loss stable."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from jobs.distill.objectives.joint import JointTeacher
from jobs.distill.stages import plain_terms
from tests.jobs.distill.systems import duo, written


@dataclass(frozen=True)
class Voice:
    z: torch.Tensor

    head_rows = 7

    def chunk(self, rows: slice, vocab: int) -> Voice:
        return Voice(self.z[rows])

    def logits(self, vocab: int, out: Any = None, T: float = 1.0) -> torch.Tensor:
        return self.z


def test_the_target_is_the_formula() -> None:
    torch.manual_seed(0)
    base, reinforced = torch.randn(2, 5, 7).double()
    joint = JointTeacher([Voice(base), Voice(reinforced)], "forget", (1.0, 5.0))
    wanted = base - 5.0 * torch.relu(reinforced - base)
    torch.testing.assert_close(joint.logits(7), wanted, atol=1e-6, rtol=0)
    torch.testing.assert_close(joint.chunk(slice(1, 3), 7).logits(7), wanted[1:3], atol=1e-6, rtol=0)


def test_a_planted_phrase_is_forgotten_and_other_text_is_not(tmp_path: Path) -> None:
    from jobs.distill.teachers.own import AdapterTeacher, BaseTeacher
    from jobs.distill.teachers.several import JointTeachers

    model = duo.learner(tmp_path)
    planted = [duo.RENDERER.example(duo.row("p", "who rides", "Zorblax rides"))]
    other = [duo.RENDERER.example(duo.row(f"o{n}", f"text {n}", f"plain {n}")) for n in range(3)]
    with torch.no_grad():  # the base knows the phrase: its own weights carry it
        for p in model.parameters():
            p.requires_grad_(not p.requires_grad)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=3e-3)
    for _ in range(25):
        optimizer.zero_grad()
        duo.shares(model, plain_terms(), [*planted, *other], "token_mean")
        optimizer.step()
    for p in model.parameters():
        p.requires_grad_(not p.requires_grad)
    known = duo.log_likelihood(model, planted[0])
    general = sum(duo.log_likelihood(model, e) for e in other)
    from jobs.distill.students.lora import trainable

    start = {n: p.detach().clone() for n, p in trainable(model).items()}
    reinforce, forget = written.stages("approx-unlearning")
    duo.train(model, reinforce, planted, 40, 0.01)
    better = {n: p.detach().clone() for n, p in trainable(model).items()}
    assert duo.log_likelihood(model, planted[0]) > known
    with torch.no_grad():
        for n, p in trainable(model).items():
            p.copy_(start[n])
    side = JointTeachers([BaseTeacher(model, 261), AdapterTeacher(model, lambda: better, 261)], [1.0, 5.0], "forget")
    duo.train(model, forget, planted, 60, 0.01, side)
    fell = duo.log_likelihood(model, planted[0]) - known
    changed = (sum(duo.log_likelihood(model, e) for e in other) - general) / len(other)
    assert fell < -5.0 and fell < 3 * changed
