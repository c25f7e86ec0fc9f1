"""Expected merged delta equals original (mean over seeds within 2%); p=0 is plain averaging."""

from __future__ import annotations

from pathlib import Path

import torch

from jobs.distill.merging.dare import Dare, DareOptions
from tests.jobs.distill.systems import merging


def test_its_mean_over_seeds_is_the_original() -> None:
    delta = torch.randn(40, 40, generator=torch.Generator().manual_seed(0))
    options = DareOptions(drop=0.5)
    made = [Dare().tensor([delta], [1.0], options, seed) for seed in range(4000)]
    assert float((torch.stack(made).mean(0) - delta).norm() / delta.norm()) < 0.02
    assert 0.4 < float((made[0] == 0).float().mean()) < 0.6 and not torch.equal(made[0], made[1])


def test_its_small_form_without_drops_is_the_average(tmp_path: Path) -> None:
    folder = merging.run(tmp_path / "run", "dare", drop=0.0)
    experts = [merging.updates(merging.stage(folder, f"{i:02d}-student")) for i in (1, 2, 3)]
    config, got = merging.exported(folder)
    merging.close(got, {n: sum(e[n] for e in experts) / 3 for n in experts[0]})  # type: ignore[misc]
    assert merging.note(folder, "04-merge")["lost"] < 1e-4


def test_what_the_rank_has_no_room_for_is_told(tmp_path: Path) -> None:
    folder = merging.run(tmp_path / "run", "dare", drop=0.5, by="text")
    note = merging.note(folder, "04-merge")
    assert note["rank"] == 12 and 0.01 < note["lost"] < 1
