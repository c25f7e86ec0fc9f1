"""Universal logit distillation.

Acceptance: the loss equals the sorted, zero-padded L1 distance of both distributions and is at most twice the total variation
on a shared vocabulary; a byte student's distributions come nearer to a BPE teacher's in a run.
"""

from __future__ import annotations

from pathlib import Path

import torch

from tests.jobs.distill.objectives.aligned.pair import pair
from tests.jobs.distill.systems.across import run, terms

torch.set_num_threads(1)


def test_it_is_sorted_and_at_most_twice_the_total_variation(tmp_path: Path) -> None:
    two = pair(True, tmp_path)
    z, zt = two.logits()
    q, p = z.softmax(-1), zt.softmax(-1)
    wanted = (q.sort().values - p.sort().values).abs().sum(-1).mean().item()
    assert abs(two.loss("uld").item() - wanted) < 1e-6
    assert wanted <= (q - p).abs().sum(-1).mean().item()


def test_a_byte_student_comes_nearer_to_a_bpe_teacher(tmp_path: Path) -> None:
    assert terms("uld", ce_weight=0.5) == [("cross-entropy", 0.5), ("uld", 1.0)]
    losses = run(tmp_path, "uld", steps=10, ce_weight=0.0)["losses"]
    assert losses[-1]["loss.uld"] < 0.9 * losses[0]["loss.uld"] and "loss.cross-entropy" not in losses[0]
