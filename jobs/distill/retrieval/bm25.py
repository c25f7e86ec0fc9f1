"""BM25 over texts in memory: an inverted index of words.

Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009, with the idf that is never below
zero: ln(1 + (N - n + 0.5) / (n + 0.5)).
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the catalogue is read without numpy; an index is not made without it
    import numpy as np
    import numpy.typing as npt

WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Found:
    """A text by its place in the index. `score` is BM25's; `similarity` is its share of what the query scores against
    itself as a text, 0 to 1."""

    place: int
    score: float
    similarity: float


def terms(text: str) -> list[str]:
    return WORD.findall(text.casefold())


class BM25:
    """An index over `texts`; k1 saturates repeated words, b weighs length."""

    def __init__(self, texts: Sequence[str], k1: float = 1.2, b: float = 0.75) -> None:
        import numpy as np

        self.k1, self.b, self.size = k1, b, len(texts)
        counted = [Counter(terms(t)) for t in texts]
        self.lengths = np.array([sum(c.values()) for c in counted], dtype=np.float64)
        self.mean = float(self.lengths.mean()) if self.size else 0.0
        lists: dict[str, tuple[list[int], list[int]]] = {}
        for place, counts in enumerate(counted):
            for term, n in counts.items():
                places, times = lists.setdefault(term, ([], []))
                places.append(place)
                times.append(n)
        self.postings = {t: (np.array(p), np.array(n, dtype=np.float64)) for t, (p, n) in lists.items()}

    def idf(self, term: str) -> float:
        n = len(self.postings[term][0]) if term in self.postings else 0
        return math.log(1 + (self.size - n + 0.5) / (n + 0.5))

    def scores(self, query: str) -> npt.NDArray[np.float64]:
        """[texts] the score of each text for the query; a word that stands in the query n times counts n times."""
        import numpy as np

        out = np.zeros(self.size)
        for term, times in Counter(terms(query)).items():
            if term in self.postings:
                places, n = self.postings[term]
                out[places] += times * self.idf(term) * self._saturated(n, self.lengths[places])
        return out

    def search(self, query: str, most: int = 10) -> list[Found]:
        """The best texts with a score above zero, best first; ties by place."""
        import numpy as np

        scores = self.scores(query)
        order = np.argsort(-scores, kind="stable")[:most]
        whole = self._of_itself(query)
        return [
            Found(int(i), float(scores[i]), min(1.0, float(scores[i]) / whole) if whole else 0.0)
            for i in order
            if scores[i] > 0
        ]

    def _saturated(self, n: npt.NDArray[np.float64], lengths: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        import numpy as np

        norm = self.k1 * (1 - self.b + self.b * lengths / self.mean)
        return np.asarray(n * (self.k1 + 1) / (n + norm))

    def _of_itself(self, query: str) -> float:
        import numpy as np

        counts = Counter(terms(query))
        if not self.mean:
            return 0.0
        length = np.array([float(sum(counts.values()))])
        return sum(n * self.idf(t) * float(self._saturated(np.array([float(n)]), length)[0]) for t, n in counts.items())
