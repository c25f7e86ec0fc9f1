"""Where the model would be wrong the gold token leads the corrected target by tau; elsewhere its own distribution is the
target; the teacher is the untouched base, so a model that is right everywhere has nothing to learn at the start."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from jobs.distill.objectives.mft import Corrected
from jobs.distill.stages import terms_of
from jobs.distill.students.lora import trainable
from jobs.distill.teachers.own import BaseTeacher
from tests.jobs.distill.systems import duo

torch.set_num_threads(1)


@pytest.mark.parametrize("tau", [0.0, 0.1, 0.7])
def test_the_gold_token_leads_by_tau_where_the_teacher_was_wrong(tau: float) -> None:
    """The target is read off the gradient by log q: minus the target itself."""
    from jobs.distill.head import DenseTeacher, Head
    from jobs.distill.objectives.view import View

    g = torch.Generator().manual_seed(2)
    zt = torch.randn(12, 15, generator=g, dtype=torch.float64)
    y = torch.cat([zt[:4].argmax(-1), torch.arange(8)])
    z = torch.zeros_like(zt).requires_grad_()
    made = View(z, DenseTeacher(zt, Head(torch.eye(15, dtype=torch.float64))), y)
    Corrected().value(made, 1.0, Corrected.Options(tau=tau)).sum().backward()
    target = torch.full_like(zt, 1 / 15) - z.grad  # gradient by the logits is q - target
    p = torch.softmax(zt, -1)
    right = p.argmax(-1) == y
    gold = target.gather(-1, y[:, None])[:, 0]
    others = target.scatter(-1, y[:, None], -1).max(-1).values
    assert torch.allclose(target.sum(-1), torch.ones(12, dtype=torch.float64), atol=1e-9)
    assert torch.allclose((gold - others)[~right], torch.full_like(gold[~right], tau), atol=1e-9)
    assert torch.allclose(target[right], p[right], atol=1e-9) and right[:4].all() and not right.all()


def test_a_model_that_is_right_already_is_left_alone(tmp_path: Path) -> None:
    model = duo.learner(tmp_path)
    e = duo.RENDERER.example(duo.row("a", "lost?", "card"))
    said = e.ids.copy()
    for n in range(e.start, len(said)):  # the answer becomes what the model says itself
        logits = model(input_ids=torch.from_numpy(said[:n].astype("int64"))[None]).logits[0, -1, :261]
        said[n] = int(logits.argmax())
    own = type(e)(**{**e.__dict__, "ids": said})
    stage = duo.stage("mft", "fine-tune")
    duo.shares(model, terms_of(stage), [own], stage.reduction, BaseTeacher(model, 261))
    assert all(float(p.grad.abs().max()) < 1e-9 for p in trainable(model).values())
    duo.shares(model, terms_of(stage), [e], stage.reduction, BaseTeacher(model, 261))
    assert max(float(p.grad.abs().max()) for p in trainable(model).values()) > 1e-6


def test_its_small_form_trains_with_itself_as_teacher(tmp_path: Path) -> None:
    found = duo.losses_of(duo.run(tmp_path / "run", "mft"), "mft")
    assert len(found) == 3 and found[0] > 0
