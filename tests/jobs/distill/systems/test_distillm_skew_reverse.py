"""With alpha .1 the loss is the reverse skew KL to 1e-6; with alpha 0 it is reverse KL."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.jobs.distill import plain
from tests.jobs.distill.systems import plainly

torch.set_num_threads(1)


def test_the_loss_is_the_skew_kl(tmp_path: Path) -> None:
    ours, theirs = plainly.both(tmp_path, "distillm-skew-reverse", plain.reverse_skew_kl, alpha=0.1)
    assert ours == pytest.approx(theirs, abs=1e-6)


def test_without_skew_it_is_the_plain_kl(tmp_path: Path) -> None:
    ours, theirs = plainly.both(tmp_path, "distillm-skew-reverse", plain.reverse_kl, alpha=0.0)
    assert ours == pytest.approx(theirs, abs=1e-6)


def test_its_small_form_trains(tmp_path: Path) -> None:
    plainly.trains(tmp_path, "distillm-skew-reverse", "reverse-skew-kl")
