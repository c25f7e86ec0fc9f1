"""k-means on TF-IDF recovers planted domains >= 95%; routing picks the right adapter."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from jobs.distill.merging.ensemble import routes
from jobs.distill.selection.branches import clusters
from jobs.distill.selection.features import tf_idf
from tests.jobs.distill.systems import merging

WORDS = {
    "law": ["court", "judge", "appeal", "statute", "contract", "verdict", "clause", "party"],
    "cooking": ["oven", "butter", "flour", "simmer", "whisk", "garlic", "onion", "bake"],
    "astronomy": ["galaxy", "orbit", "telescope", "nebula", "comet", "planet", "lunar", "redshift"],
}


def texts(n: int, seed: int) -> tuple[list[str], list[int]]:
    rng = np.random.default_rng(seed)
    kinds = [int(k) for k in rng.integers(0, 3, n)]
    said = [["the", "a", "of", "in", "and", "to"] + list(rng.choice(list(WORDS.values())[k], 6)) for k in kinds]
    return [" ".join(rng.permutation(s)) for s in said], kinds


def test_clusters_are_the_planted_domains_and_new_texts_find_their_expert() -> None:
    said, kinds = texts(150, 1)
    features = tf_idf(said + texts(60, 2)[0])
    of, centres = clusters(features[:150], 3, 0)
    name = {k: int(np.bincount(np.asarray(kinds)[of == k]).argmax()) for k in range(3)}
    assert len(set(name.values())) == 3
    assert np.mean([name[int(k)] == t for k, t in zip(of, kinds, strict=True)]) >= 0.95
    weights = routes(features[150:], centres, most=2)
    assert np.allclose(weights.sum(1), 1) and ((weights > 0).sum(1) <= 2).all()
    right = [name[int(k)] == t for k, t in zip(weights.argmax(1), texts(60, 2)[1], strict=True)]
    assert np.mean(right) >= 0.95


def test_its_small_form_finds_clusters_and_trains_an_expert_on_each(tmp_path: Path) -> None:
    folder = merging.run(tmp_path / "run", "c-btm")
    kept = json.loads((folder / "stages" / "00-select" / "chosen.json").read_text())
    assert set(kept["domains"].values()) == {"1", "2", "3"} and len(kept["domains"]) == 12
    experts = [merging.updates(merging.stage(folder, f"{i:02d}-student")) for i in (1, 2, 3)]
    merging.close(merging.exported(folder)[1], {n: sum(e[n] for e in experts) / 3 for n in experts[0]})  # type: ignore[misc]
