"""Dual-space distillation.

Acceptance: both output layers are held while projectors and adapter learn; the projected teacher learns the answers in the
student's space; the projectors are not exported.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file

from tests.jobs.distill.objectives.aligned.pair import pair
from tests.jobs.distill.systems.across import run, terms

torch.set_num_threads(1)


def test_the_projected_teacher_learns_the_student_s_words(tmp_path: Path) -> None:
    """Only the projectors move: the loss falls, and more of the answer's tokens are found in the student's space."""
    two = pair(tmp=tmp_path)
    losses = two.losses("dskd")
    optimizer = torch.optim.Adam(losses.modules.parameters(), lr=0.02)
    seen = []
    for _ in range(25):
        loss = losses.of(*two.micro(), losses.terms, 0, None)[0]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        seen.append(loss.item())
    batch, labels = two.batch(), two.micro()[0].labels
    at = (batch.by_span >= 0).nonzero()[:, 0]
    z = losses.modules["0"]["t2s"](batch.hidden[batch.by_span[at]]) @ two.student.lm_head.weight[:261].T
    assert (z.argmax(-1) == labels[at]).float().mean() > 0.7
    assert seen[-1] < 0.8 * seen[0]


def test_its_run_trains_projectors_that_are_not_exported(tmp_path: Path) -> None:
    assert terms("dskd") == [("cross-entropy", 0.5), ("dskd", 0.5)]
    losses = run(tmp_path, "dskd")["losses"]
    assert losses[-1]["loss.dskd"] < losses[0]["loss.dskd"]
    names = load_file(next((tmp_path / "run").glob("adapter/*.safetensors")))
    assert names and all("lora" in n for n in names)
