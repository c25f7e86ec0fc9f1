"""Several experts answer together: weights of a text's domain by what was read so far, or by its words.

Branch-Train-Merge: Li, Gururangan, Dettmers, Lewis, Althoff, Smith, Zettlemoyer 2022, arXiv:2208.03306. Clusters:
Gururangan, Li, Lewis, Shi, Althoff, Smith, Zettlemoyer 2023, arXiv:2303.14177.
"""

from __future__ import annotations

import numpy as np


def posteriors(label_logp: np.ndarray, prior: np.ndarray | None = None) -> np.ndarray:
    """p(expert | tokens before t), [experts, T], from the log-probabilities [experts, T] each expert gave to the tokens of one
    text. Bayes: the prior (equal when none is given) times the probability of everything read before."""
    experts, _ = label_logp.shape
    start = np.log(np.full(experts, 1 / experts) if prior is None else prior)
    read = np.cumsum(label_logp, axis=1) - label_logp  # of the tokens before t
    scores = start[:, None] + read
    scores = np.exp(scores - scores.max(0))
    return np.asarray(scores / scores.sum(0))


def ensemble_logp(label_logp: np.ndarray, prior: np.ndarray | None = None) -> np.ndarray:
    """log sum_j p(expert j | before t) p_j(token t), [T]: what the posterior-weighted ensemble gives to each token."""
    weights = posteriors(label_logp, prior)
    top = label_logp.max(0)
    return np.asarray(top + np.log((weights * np.exp(label_logp - top)).sum(0)))


def routes(features: np.ndarray, centres: np.ndarray, temperature: float = 0.1, most: int = 1) -> np.ndarray:
    """Weight of each cluster's expert for each text, [rows, clusters]: softmax of -squared distance / temperature over the
    `most` nearest, 0 for the others."""
    away = ((features[:, None] - centres) ** 2).sum(-1)
    keep = away <= np.sort(away, axis=1)[:, most - 1 : most]
    scores = np.where(keep, np.exp(-(away - away.min(1, keepdims=True)) / temperature), 0.0)
    return np.asarray(scores / scores.sum(1, keepdims=True))
