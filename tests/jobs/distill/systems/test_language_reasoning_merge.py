"""Layer-range merge ratios applied as configured; language-consistency and task scores of both parents reported."""

from __future__ import annotations

from pathlib import Path

from tests.jobs.distill.systems import merging


def test_each_layer_has_its_own_ratio_and_both_parents_are_scored(tmp_path: Path) -> None:
    folder = merging.run(tmp_path / "run", "language-reasoning-merge", lower=0.3, upper=0.8, cut=0)
    language, reasoning = (merging.updates(merging.stage(folder, n)) for n in ("00-student", "02-student"))
    ratio = {n: 0.3 if ".layers.0." in n else 0.8 for n in language}
    assert set(ratio.values()) == {0.3, 0.8}
    merging.close(merging.exported(folder)[1], {n: (1 - r) * language[n] + r * reasoning[n] for n, r in ratio.items()})
    scores = merging.note(folder, "03-merge")["scores"]
    assert set(scores) == {"language", "reasoning", "merged"} and all(s > 0 for s in scores.values())
