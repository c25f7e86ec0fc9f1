"""Low/mid/high criteria reproduce numpy percentiles; kept ids logged with score histogram."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from jobs.distill.selection.base import Read
from jobs.distill.selection.perplexity import Perplexity
from tests.jobs.distill.systems import choosing

torch.set_num_threads(1)


@pytest.mark.parametrize(("band", "percentiles"), [("low", (0, 40)), ("medium", (30, 70)), ("high", (60, 100))])
def test_a_band_is_numpy_s_percentiles(band: str, percentiles: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    reads = {
        f"r{i:02d}": Read(float(n), int(t))
        for i, (n, t) in enumerate(zip(rng.gamma(20, 2, 50), rng.integers(5, 30, 50), strict=True))
    }
    chosen = Perplexity().choose(choosing.pool({"reference": reads}), 0.4, Perplexity.Options(band=band))
    ppl = {r: math.exp(read.nats / read.tokens) for r, read in reads.items()}
    low, high = np.percentile(list(ppl.values()), percentiles)
    assert set(chosen.weights) == {r for r, p in ppl.items() if low <= p <= high} and len(chosen.weights) == 20


def test_a_run_says_what_it_left_out_and_how_scores_are_spread(tmp_path: Path) -> None:
    folder = choosing.run(tmp_path / "run", "ppl-pruning", teacher=False, band="low")
    kept, out = choosing.kept(folder, 0), choosing.left_out(folder, "perplexity-band")
    assert len(kept) == 8 and len(kept) + len(out) == 16 and not set(kept) & {r["row_id"] for r in out}
    line = next(e["message"] for e in choosing.told(folder, "log") if "leaves out" in e["message"])
    assert (
        "leaves out 8 rows" in line and sum(int(b.rsplit(": ")[1]) for b in line.split("Scores: ")[1].split(", ")) == 16
    )
    assert any(e["field"] == "rows" and e["value"] == "8 of 16 kept" for e in choosing.told(folder, "reason"))
    assert len(choosing.losses(folder)) == 4
