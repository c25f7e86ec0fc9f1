"""Subset covers all planted clusters; 20% arm within set tolerance of full on toy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from jobs.distill.selection.coreset import KCenter, Quantization, quantized
from jobs.distill.selection.features import tf_idf
from tests.jobs.distill.systems import choosing

torch.set_num_threads(1)
CLUSTERS = ["card lost stolen gone", "rate euro dollar exchange", "cash add top transfer", "refund money back shop"]


def planted(each: int = 25) -> tuple[list[str], np.ndarray]:
    """Texts of a few words of their cluster, and the cluster of each."""
    rng, of = np.random.default_rng(1), np.repeat(np.arange(len(CLUSTERS)), each)
    return [" ".join(rng.choice(CLUSTERS[c].split(), 3)) for c in of], of


def test_every_planted_cluster_is_covered() -> None:
    texts, of = planted()
    listed = choosing.pool({}, texts=texts)
    for part, options in ((Quantization(), Quantization.Options(bins=5)), (KCenter(), None)):
        chosen = part.choose(listed, 0.2, options)
        assert len(chosen.weights) == 20
        assert {int(of[int(r[1:])]) for r in chosen.weights} == {0, 1, 2, 3}
        assert part.choose(listed, 0.2, options).weights == chosen.weights


def test_a_row_is_picked_by_the_gain_of_the_paper() -> None:
    features = tf_idf(planted(3)[0], 16).astype(np.float64)
    bins = quantized(features, 3)
    assert sorted(i for b in bins for i in b) == list(range(12)) and {len(b) for b in bins} == {4}
    distance = ((features[:, None] - features[None]) ** 2).sum(-1)
    picked: list[int] = []
    for i in bins[0]:
        rest = [j for j in range(12) if j not in picked]
        gain = {j: distance[j, picked].sum() - distance[j, rest].sum() for j in rest}
        assert gain[i] >= max(gain.values()) - 1e-9
        picked.append(i)


def test_a_fifth_of_the_rows_teaches_nearly_as_much_as_all() -> None:
    """A nearest-centroid classifier as the learner: within 5 points of all rows."""
    texts, of = planted(50)
    features = tf_idf(texts)
    kept = [
        int(r[1:]) for r in Quantization().choose(choosing.pool({}, texts=texts), 0.2, Quantization.Options()).weights
    ]

    def accuracy(rows: list[int]) -> float:
        middle = np.stack([features[[i for i in rows if of[i] == c]].mean(0) for c in range(len(CLUSTERS))])
        return float((((features[:, None] - middle) ** 2).sum(-1).argmin(1) == of).mean())

    assert len(kept) == 40 and accuracy(kept) >= accuracy(list(range(200))) - 0.05


def test_it_trains_on_what_it_keeps(tmp_path: Path) -> None:
    folder = choosing.run(tmp_path / "run", "dataset-quantization", teacher=False, keep=0.5, bins=4)
    assert len(choosing.kept(folder, 0)) == 8 and len(choosing.losses(folder)) == 4
