"""Minimum edit distance alignment.

Acceptance: dynamic time warping finds the cheapest path and the vocabulary map the nearest token (tests of `align`); the
mapped teacher is a distribution over the student's vocabulary; a byte student learns from a BPE teacher in a run.
"""

from __future__ import annotations

from pathlib import Path

import torch

from jobs.distill.objectives.aligned.mined import carried_over
from tests.jobs.distill.objectives.aligned.pair import pair
from tests.jobs.distill.systems.across import run, terms

torch.set_num_threads(1)


def test_the_mapped_teacher_is_a_distribution_over_the_student_s_vocabulary(tmp_path: Path) -> None:
    two = pair(tmp=tmp_path)
    batch = two.batch()
    p = batch.logp(torch.arange(4)).exp()
    got = carried_over(p, batch.nearest(), 261)
    torch.testing.assert_close(got.sum(-1), torch.ones(4))
    # every BPE token starts with a byte the student has: its mass goes to the nearest of those
    card = two.reader.aligner.teacher.tokenizer.convert_tokens_to_ids("card")
    assert batch.tables.student(int(batch.nearest()[card])) in (b"c", b"a", b"r", b"d")


def test_a_byte_student_learns_from_a_bpe_teacher(tmp_path: Path) -> None:
    assert terms("mined", k=0.25) == [("cross-entropy", 0.75), ("mined", 0.25)]
    losses = run(tmp_path, "mined", k=1.0)["losses"]
    assert losses[-1]["loss.mined"] < losses[0]["loss.mined"]
