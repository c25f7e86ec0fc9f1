"""Scores of long texts and translations against the gold one: words and characters in common.

ROUGE-1 and ROUGE-2: Lin 2004, F1 of words and of pairs of words, as `rouge_l` in scores.py cuts words. BLEU: Papineni et
al. 2002, and chrF: Popović 2015, both by sacreBLEU (Post 2018, arXiv:1804.08771) with its default settings. These two are
scores of a whole corpus: counts are summed over the rows before the formula, so a mean over rows is something else. All
are given from 0 to 1; sacreBLEU's own numbers are 100 times as large.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np


def rouge_n(n: int, answer: str, gold: str) -> float:
    """F1 of the n-grams of words that both have."""
    said, wanted = (re.findall(r"\w+", t.lower()) for t in (answer, gold))
    mine, theirs = (Counter(tuple(w[i : i + n]) for i in range(len(w) - n + 1)) for w in (said, wanted))
    total = sum(mine.values()) + sum(theirs.values())
    return 2 * sum((mine & theirs).values()) / total if total else float(said == wanted)


def rouge_1(answer: str, gold: str) -> float:
    return rouge_n(1, answer, gold)


def rouge_2(answer: str, gold: str) -> float:
    return rouge_n(2, answer, gold)


def bleu(answer: str, gold: str) -> float:
    """Of one answer: sentence BLEU with effective order and exponential smoothing."""
    return float(_metric("bleu", True).sentence_score(answer, [gold]).score) / 100


def chrf(answer: str, gold: str) -> float:
    """Of one answer: F2 of character n-grams up to 6."""
    return float(_metric("chrf").sentence_score(answer, [gold]).score) / 100


def shared_things(answer: str, gold: str) -> tuple[int, int]:
    """(twice the things both list, things of both lists): their ratio is the F1, over one row or summed over many.

    A text is a JSON list or, where it is none, its lines, each a thing. Order, case of keys and white space do not count;
    a thing named twice counts once.
    """
    mine, theirs = _things(answer), _things(gold)
    return 2 * len(mine & theirs), len(mine) + len(theirs)


def _things(text: str) -> set[str]:
    try:
        found = json.loads(text)
    except ValueError:
        found = [line for line in text.splitlines() if line.strip()]
    listed = found if isinstance(found, list) else [found]
    return {
        " ".join(one.split()) if isinstance(one, str) else json.dumps(one, sort_keys=True, ensure_ascii=False)
        for one in listed
    }


def set_f1(answer: str, gold: str) -> float:
    """F1 of the things that two texts list; 1 where both list none."""
    both, total = shared_things(answer, gold)
    return both / total if total else 1.0


CORPUS = {"bleu": bleu, "chrf": chrf}


def counts(metric: str, answers: Sequence[str], golds: Sequence[str]) -> np.ndarray:
    """What each row adds to the corpus's counts, [rows, counts]; `of_counts` makes the score of their sum."""
    found = _metric(metric)._extract_corpus_statistics(list(answers), [list(golds)])
    return np.asarray(found, dtype=np.int64)


def of_counts(metric: str, summed: np.ndarray) -> float:
    """The corpus's score, 0 to 1."""
    return float(_metric(metric)._compute_score_from_stats([int(n) for n in summed]).score) / 100


@cache
def _metric(name: str, one: bool = False) -> Any:
    """sacreBLEU's metric; `one`: for single sentences. Imported here: it takes a while, and few runs need it."""
    from sacrebleu.metrics import BLEU, CHRF

    return BLEU(effective_order=one) if name == "bleu" else CHRF()
