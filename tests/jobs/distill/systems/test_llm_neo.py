"""The loss is (1-k) CE + k KL on answer positions; only the adapter changes; with k = 0 its gradient is plain fine-tuning's."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from jobs.distill.stages import terms_of
from jobs.distill.students.lora import trainable
from tests.jobs.distill import plain
from tests.jobs.distill.systems import duo, plainly

torch.set_num_threads(1)


@pytest.mark.parametrize("k", [0.0, 0.3, 0.9])
def test_the_loss_is_the_stated_mixture(tmp_path: Path, k: float) -> None:
    def formula(p: torch.Tensor, q: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return (1 - k) * plain.cross_entropy(p, q, y) + k * plain.forward_kl(p, q, y)

    ours, theirs = plainly.both(tmp_path, "llm-neo", formula, k=k)
    assert ours == pytest.approx(theirs, abs=1e-6)


def test_without_the_teacher_s_share_its_gradient_is_that_of_fine_tuning(tmp_path: Path) -> None:
    rows = [duo.RENDERER.example(duo.row(q, q, a)) for q, a in plainly.ROWS]

    def gradients(folder: Path, method: str, name: str, **options: float) -> list[torch.Tensor]:
        model = duo.learner(folder)
        stage = duo.stage(method, name, **options)
        duo.shares(model, terms_of(stage), rows, stage.reduction, duo.teacher(folder))
        assert all((p.grad is None) == (not p.requires_grad) for p in model.parameters())
        return [p.grad for p in trainable(model).values()]

    neo = gradients(tmp_path / "a", "llm-neo", "distil", k=0.0)
    plain_ones = gradients(tmp_path / "b", "sft", "fine-tune")
    assert all(torch.allclose(a, b, atol=1e-12) for a, b in zip(neo, plain_ones, strict=True))


@pytest.mark.parametrize("variant", ["dora", "moslora", "rslora"])
def test_its_small_form_trains_with_each_variant(tmp_path: Path, variant: str) -> None:
    plainly.trains(tmp_path, "llm-neo", "forward-kl", **{variant: True})
