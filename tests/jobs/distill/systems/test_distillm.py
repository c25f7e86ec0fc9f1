"""SKL(a = .1) = KL(p, a p + (1 - a) q) to 1e-6 and a = 0 is forward KL; the share rises by .1 only if the watched loss is at
least the last one; buffer hits are logged."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from jobs.distill.catalog import PARTS
from jobs.distill.objectives.view import View
from jobs.distill.recipe import Curve
from jobs.distill.schedules.curves import adapted
from tests.jobs.distill.systems.own_rows import trained, values


@pytest.mark.parametrize("alpha", [0.0, 0.1])
def test_the_divergence_is_taken_to_the_helped_student(alpha: float) -> None:
    from jobs.distill.head import DenseTeacher, Head

    g = torch.Generator().manual_seed(0)
    z, zt = torch.randn(6, 50, generator=g).double(), torch.randn(6, 50, generator=g).double()
    p, q = zt.softmax(-1), z.softmax(-1)
    wanted = (p * (p.log() - (alpha * p + (1 - alpha) * q).log())).sum(-1)
    part = PARTS["skew-kl"]()
    view = View(z, DenseTeacher(zt, Head(torch.eye(50, dtype=torch.float64))))
    assert torch.allclose(part.value(view, 1.0, part.Options(alpha=alpha)).double(), wanted, atol=1e-6)


def test_the_share_rises_only_when_the_watched_loss_does_not_fall() -> None:
    curve = Curve(type="adaptive", start=0.0, rise=0.1)
    assert adapted(curve, 0.2, before=1.0, now=0.9) == 0.2
    assert adapted(curve, 0.2, before=1.0, now=1.0) == pytest.approx(0.3)
    assert adapted(curve, 0.95, before=1.0, now=2.0) == 1.0


def test_it_trains_and_the_loop_moves_the_share(tmp_path: Path) -> None:
    """A rate so high that the watched loss rises: the share follows, and old answers are used again."""
    found = trained(tmp_path, "distillm", {"rise": 1.0, "window": 1}, learning_rate=0.5, watch={"every": 1, "rows": 4})
    shares, watched = values(found, "source.share"), values(found, "watched.loss")
    wanted, share = [0.0], 0.0
    for before, now in zip(watched, watched[1:], strict=False):
        share = 1.0 if now >= before else share
        wanted.append(share)
    assert shares[0] == 0 and shares[1:] == wanted[: len(shares) - 1]
    assert max(shares) == 1.0 and values(found, "replay.hits")
