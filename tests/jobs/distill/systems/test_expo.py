"""theta = theta1 + a*(theta1-theta0) to 1e-6 on adapters; a=0 unchanged; a swept on dev set."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from jobs.distill.merging.adapters import merge_adapters
from jobs.distill.merging.extrapolate import Extrapolate, ExtrapolateOptions
from tests.jobs.distill.systems import merging


@pytest.mark.parametrize("a", [0.0, 0.5, 2.0])
def test_it_goes_beyond_the_second_parent(a: float) -> None:
    zero, one = ({n: (x.double(), y.double()) for n, (x, y) in merging.planted(seed).items()} for seed in (1, 2))
    got = merge_adapters([zero, one], Extrapolate(), lambda _: [], ExtrapolateOptions(amount=a))
    first, second = merging.updates(zero), merging.updates(one)
    merging.close(merging.updates(got.factors), {n: second[n] + a * (second[n] - first[n]) for n in first})
    if a == 0:
        assert all(torch.equal(x, y) for n in one for x, y in zip(got.factors[n], one[n], strict=True))


def test_its_small_form_extrapolates_the_preference_stage(tmp_path: Path) -> None:
    folder = merging.run(tmp_path / "run", "expo", prefer=True, amount=0.5, first_rate=0.01)
    tuned, aligned = (merging.updates(merging.stage(folder, n)) for n in ("00-student", "01-student"))
    config, got = merging.exported(folder)
    merging.close(got, {n: 1.5 * aligned[n] - 0.5 * tuned[n] for n in tuned})
    assert config["r"] == 8 and set(merging.note(folder, "02-merge")["scores"]) == {"fine-tune", "prefer", "further"}
