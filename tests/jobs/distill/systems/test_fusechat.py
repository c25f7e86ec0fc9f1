"""Merge weights proportional to per-matrix change and sum to 1; one source only gives back its target to 1e-6."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from jobs.distill.merging.adapters import merge_adapters
from jobs.distill.merging.factors import inner_products, nothing_like
from jobs.distill.merging.variation import Variation
from tests.jobs.distill.systems import merging, several


def test_weights_follow_the_squared_change_of_each_matrix() -> None:
    one, two = merging.planted(1), merging.planted(2)
    for name in one:
        changed = [float((merging.updates(f)[name] ** 2).sum()) for f in (one, two)]
        got = Variation().coefficients(inner_products([one[name], two[name]]), [], None)
        assert sum(got) == pytest.approx(1) and got == pytest.approx([c / sum(changed) for c in changed], rel=1e-6)


def test_one_source_gives_back_its_target() -> None:
    one = merging.planted(1)
    for parents in ([one], [one, nothing_like(one)]):
        got = merge_adapters(parents, Variation(), lambda _: [], None)
        merging.close(merging.updates(got.factors), merging.updates(one))
    still = {n: (a, torch.zeros_like(b)) for n, (a, b) in one.items()}
    assert not any(
        u.any()
        for u in merging.updates(merge_adapters([still, still], Variation(), lambda _: [], None).factors).values()
    )


def test_its_small_form_learns_from_two_sources_and_fuses_them(tmp_path: Path) -> None:
    folder = several.folder_of(tmp_path / "run", "second", {"method": "fusechat", "control": False})
    several.run(folder)
    parents = [merging.updates(merging.stage(folder, n)) for n in ("01-student", "02-student")]
    wanted = {}
    for n in parents[0]:
        changed = [float((p[n] ** 2).sum()) for p in parents]
        wanted[n] = sum(c / sum(changed) * p[n] for c, p in zip(changed, parents, strict=True))
    merging.close(merging.exported(folder)[1], wanted)  # type: ignore[arg-type]
    assert json.loads((folder / "report.json").read_text())["scores"]["student"]
