"""Adapters trained in parallel jobs; posterior-weighted ensemble perplexity <= best single on mixed toy set."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from jobs.distill.merging.ensemble import ensemble_logp, posteriors
from tests.jobs.distill.systems import merging


def test_the_ensemble_is_no_worse_than_the_best_expert_on_mixed_texts() -> None:
    rng = np.random.default_rng(0)
    experts = rng.dirichlet(np.full(20, 0.3), 3)  # [experts, vocabulary]
    texts = [(k, rng.choice(20, 30, p=experts[k])) for k in (0, 1, 2) * 10]
    alone, together = np.zeros(3), 0.0
    for k, text in texts:
        logp = np.log(experts[:, text] + 1e-9)
        alone += logp.sum(1)
        together += ensemble_logp(logp).sum()
        assert posteriors(logp)[:, -1].argmax() == k
    assert together > alone.max()


def test_weights_come_from_what_was_read_before_alone() -> None:
    logp = np.log(np.asarray([[0.9, 0.5], [0.1, 0.5]]))
    np.testing.assert_allclose(posteriors(logp), [[0.5, 0.9], [0.5, 0.1]])
    np.testing.assert_allclose(np.exp(ensemble_logp(logp)), [0.5, 0.5])
    np.testing.assert_allclose(np.exp(ensemble_logp(logp, np.asarray([1 - 1e-12, 1e-12]))), [0.9, 0.5])


def test_each_expert_branches_from_the_seed_by_itself(tmp_path: Path) -> None:
    folder = merging.run(tmp_path / "run", "btm")
    seed = merging.updates(merging.stage(folder, "00-student"))
    experts = [merging.updates(merging.stage(folder, f"{i:02d}-student")) for i in (2, 3, 4)]
    size = sum(float(u.norm() ** 2) for u in seed.values())
    for expert in experts:  # each a short way from the seed, none on top of another
        assert 0 < sum(float((expert[n] - seed[n]).norm() ** 2) for n in seed) < 9 * size
    assert any(not np.allclose(experts[0][n], experts[1][n], atol=1e-5) for n in seed)
    merging.close(merging.exported(folder)[1], {n: sum(e[n] for e in experts) / 3 for n in seed})  # type: ignore[misc]
