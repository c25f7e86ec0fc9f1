"""SLERP of two toy weight sets: t=0/1 return endpoints, norm follows arc formula to 1e-6."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from jobs.distill.merging.adapters import merge_adapters
from jobs.distill.merging.slerp import Slerp
from tests.jobs.distill.systems import merging


@pytest.mark.parametrize("t", [0.0, 0.3, 1.0])
def test_it_goes_along_the_arc(t: float) -> None:
    one, two = merging.planted(1), merging.planted(2)
    got = merging.updates(merge_adapters([one, two], Slerp(), lambda _: [1 - t, t], None).factors)
    for name, a in merging.updates(one).items():
        b = merging.updates(two)[name]
        omega = math.acos(float((a * b).sum() / (a.norm() * b.norm())))
        p, q = math.sin((1 - t) * omega) / math.sin(omega), math.sin(t * omega) / math.sin(omega)
        length = (p * a.norm()) ** 2 + (q * b.norm()) ** 2 + 2 * p * q * a.norm() * b.norm() * math.cos(omega)
        assert float(got[name].norm() / length.sqrt()) == pytest.approx(1, abs=1e-6)
        if t in (0, 1):
            torch.testing.assert_close(got[name], b if t else a, atol=1e-6, rtol=1e-6)


def test_parents_of_one_length_keep_it() -> None:
    a, b = torch.tensor([[3.0, 0.0]]), torch.tensor([[0.0, 3.0]])
    assert float(Slerp().tensor([a, b], [0.7, 0.3], None).norm()) == pytest.approx(3, abs=1e-6)


def test_its_preference_stage_starts_from_the_joined_adapter(tmp_path: Path) -> None:
    folder = merging.run(tmp_path / "run", "dna-1.0", prefer=True, share=0.5)
    joined = merging.stage(folder, "02-merge")
    last = merging.stage(folder, "04-student")
    assert {len(a) for a, _ in joined.values()} == {8} == {len(a) for a, _ in last.values()}
    moved = [float((merging.updates(last)[n] - u).norm() / u.norm()) for n, u in merging.updates(joined).items()]
    assert max(moved) > 1e-4 and merging.exported(folder)[0]["r"] == 8
