"""KD term is active only in the set phase/rows; steps to a target dev loss <= CE-only baseline on a toy corpus."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from jobs.distill.catalog import objective
from jobs.distill.recipe import Adapter
from jobs.distill.recipe import Term as TermSpec
from jobs.distill.rows import Renderer
from jobs.distill.selection.base import Read
from jobs.distill.selection.informative import Informative
from jobs.distill.selection.reading import read_examples
from jobs.distill.stages import plain_terms
from jobs.distill.step import Term
from jobs.distill.students.lora import attach, trainable
from jobs.distill.teachers.local import LocalTeacher
from jobs.distill.weights import load_model
from tests.jobs.distill import tiny
from tests.jobs.distill.systems import choosing, duo

torch.set_num_threads(1)
CPU, MOST = torch.device("cpu"), 50


def test_hard_rows_are_kept_and_hopeless_ones_are_not() -> None:
    reads = {f"r{i}": Read(float(i), 1) for i in range(10)}
    chosen = Informative().choose(choosing.pool({"teacher": reads}), 0.3, Informative.Options(hopeless=0.2))
    assert set(chosen.weights) == {"r5", "r6", "r7"}


@pytest.mark.slow
def test_the_small_model_teaches_in_the_first_phase_only(tmp_path: Path) -> None:
    folder = choosing.run(tmp_path / "run", "small-helps-large")
    kl, ce = choosing.losses(folder, "loss.forward-kl"), choosing.losses(folder, "loss.cross-entropy")
    assert [v is not None for v in kl] == [True] * 4 + [False] * 4 and None not in ce
    assert len(choosing.kept(folder, 1)) == 8 and len(choosing.kept(folder, 3)) == 16


def test_it_needs_no_more_steps_to_a_loss_than_the_answers_alone(tmp_path: Path) -> None:
    """The corpus has one noisy answer to each question; the small model knows how likely each is."""
    rows = [duo.row(f"r{i}", f"{q} {i % 3}", "ab"[i % 4 == 0]) for i in range(16) for q in ("what", "why")]
    renderer = Renderer(tiny.tokenizer(), [1])
    noisy = [renderer.example(r) for r in rows]
    dev = [renderer.example(duo.row("d", f"{q} {i}", a)) for q in ("what", "why") for i in range(3) for a in "aaab"]
    small = load_model(tiny.model(tmp_path / "small", 1, 32), torch.float32, CPU).requires_grad_(True)
    optimizer = torch.optim.AdamW(small.parameters(), lr=1e-2)
    for _ in range(30):  # the small model learns the true shares
        optimizer.zero_grad()
        duo.shares(small, plain_terms(), dev, "token_mean")
        optimizer.step()
    small.requires_grad_(False)
    large = tiny.model(tmp_path / "large", 2, 48)
    steps = {helped: steps_to(large, noisy[:8], dev, small if helped else None) for helped in (True, False)}
    assert steps[True] <= steps[False] and steps[True] < MOST


def steps_to(folder: Path, rows: list, dev: list, small, target: float = 1.0) -> int:
    model = attach(load_model(folder, torch.float32, CPU), Adapter(rank=8, alpha=16), 0)
    terms = [Term(objective(TermSpec(type="cross-entropy"))), Term(objective(TermSpec(type="forward-kl")))]
    optimizer = torch.optim.AdamW(trainable(model).values(), lr=1e-2)
    for step in range(MOST):
        if sum(r.nats for r in read_examples(model, dev)) / sum(e.supervised for e in dev) <= target:
            return step
        optimizer.zero_grad()
        duo.shares(
            model, terms if small else terms[:1], rows, "token_mean", LocalTeacher(small, 261) if small else None
        )
        optimizer.step()
    return MOST
