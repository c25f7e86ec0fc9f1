"""Dual-space distillation with cross-model attention.

Acceptance: every student token has a teacher state whatever the two cuts are; the attention's query learns with the
projectors; a byte student learns from a BPE teacher in a run.
"""

from __future__ import annotations

from pathlib import Path

import torch

from tests.jobs.distill.objectives.aligned.pair import pair
from tests.jobs.distill.systems.across import run, terms

torch.set_num_threads(1)


def test_every_student_token_is_taught(tmp_path: Path) -> None:
    two = pair(tmp=tmp_path)
    losses = two.losses("dskd-cma")
    micro, group = two.micro()
    states = losses.backbone(input_ids=micro.input_ids).last_hidden_state.flatten(0, 1)[micro.places].detach()
    states.requires_grad_()
    from jobs.distill.objectives.states import States
    from jobs.distill.output_layer import Head

    side = two.reader.side(micro, group)
    lengths = torch.tensor([len(e.ids) - 1 for e in group])
    view = States(
        {}, {}, states, Head.of(two.student, 261), micro.labels, micro.of, micro.places, lengths, extras=side.extras
    )
    part = losses.terms[0].objective
    part.part.measure(view, losses.modules["0"], 1.0, part.options).sum().backward()
    assert (states.grad.abs().sum(-1) > 0).all()
    assert losses.modules["0"]["query"].weight.grad.abs().sum() > 0


def test_a_byte_student_learns_from_a_bpe_teacher(tmp_path: Path) -> None:
    assert terms("dskd-cma", k=1.0) == [("dskd-cma", 1.0)]
    losses = run(tmp_path, "dskd-cma", k=1.0)["losses"]
    assert losses[-1]["loss.dskd-cma"] < losses[0]["loss.dskd-cma"]
