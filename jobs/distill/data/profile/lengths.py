"""How long rows are: quantiles, histograms, tokens of one tokenizer, and what a cut at some length costs."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..render import Reader
from .sample import Row

BINS = 24
STEPS = 1000  # lengths at which the cost of a cut is written down
SHORTEST_CUT = 8  # what a recipe takes as its longest row at least
QUANTILES = (
    ("shortest", 0.0),
    ("quarter", 0.25),
    ("median", 0.5),
    ("three quarters", 0.75),
    ("95 %", 0.95),
    ("99 %", 0.99),
    ("longest", 1.0),
)
Counts = npt.NDArray[np.int64]


def quantiles(values: Sequence[int]) -> dict[str, int]:
    """Named quantiles (nearest rank); empty for no values."""
    if not len(values):
        return {}
    ordered = sorted(values)
    return {name: int(ordered[min(len(ordered) - 1, int(q * len(ordered)))]) for name, q in QUANTILES}


def histogram(values: Sequence[int], bins: int = BINS) -> list[list[int]]:
    """[[from, to, rows]] of equal width, `to` exclusive; the longest one in a hundred share the last bin."""
    if not len(values):
        return []
    ordered = sorted(values)
    top = max(ordered[int(0.99 * (len(ordered) - 1))] + 1, 1)
    width = int(max(1, -(-top // bins)))
    edges = list(range(0, top + width, width))
    counts = [0] * (len(edges) - 1)
    for v in ordered:
        counts[min(bisect_right(edges, v) - 1, len(counts) - 1)] += 1
    out = [[edges[i], edges[i + 1], c] for i, c in enumerate(counts)]
    out[-1][1] = int(max(out[-1][1], ordered[-1] + 1))
    return out


def measure(
    rows: Sequence[Row], tokenizer: dict[str, Any], tick: Callable[[int], None] = lambda done: None
) -> dict[str, Any]:
    """Token counts of one tokenizer {folder, title, context}: prompts and answers in the rows' order, and what follows."""
    reader, context = Reader(tokenizer["folder"]), tokenizer.get("context") or 0
    prompts: list[int] = []
    answers: list[int] = []
    control: list[int] = []  # places of rows that hold this tokenizer's own control texts
    for place, row in enumerate(rows):
        prompt, answer = reader.lengths(row)
        prompts.append(prompt)
        answers.append(answer)
        if reader.has_control_text(row):
            control.append(place)
        if place % 5000 == 4999:
            tick(place + 1)
    both = [p + a for p, a in zip(prompts, answers, strict=True)]
    return {
        "prompts": prompts,
        "answers": answers,
        "control": control,
        "title": tokenizer.get("title", ""),
        "context": context,
        "rows": len(rows),
        "total": quantiles(both),
        "prompt": quantiles(prompts),
        "answer": quantiles([a for a in answers if a]),
        "answer_tokens": sum(answers),
        "prompt_tokens": sum(prompts),
        "histogram": histogram(both),
        "over_context": sum(b > context for b in both) if context else 0,
        "nothing_left": sum(p >= context for p in prompts) if context else 0,
        "control_text_rows": len(control),
    }


def costs(prompts: Sequence[int], answers: Sequence[int], most: int = STEPS) -> dict[str, Any]:
    """{exact, steps: [[cut, rows over it, answer tokens in them, rows whose answer alone fills it, tokens of those]]}.

    Values hold from a step's cut up to the next one's; with `exact` false the lengths between two steps were not
    written down, and a cut is to be one of the steps. A row is over a cut when prompt and answer together are longer;
    its answer alone fills the cut when nothing of the prompt could stay, so that cutting the prompt cannot save it.
    """
    p, a = np.asarray(prompts, dtype=np.int64), np.asarray(answers, dtype=np.int64)
    if not len(p):
        return {"exact": True, "steps": []}
    total = p + a
    cuts = np.unique(np.concatenate([[SHORTEST_CUT], total, a[a > 0] + 1]))
    cuts = cuts[cuts >= SHORTEST_CUT]
    exact = len(cuts) <= most
    if not exact:
        cuts = cuts[np.unique(np.linspace(0, len(cuts) - 1, most).astype(np.int64))]
    over = _above(total, a, cuts, np.ones_like(a))
    alone = _above(a, a, cuts - 1, (a > 0).astype(np.int64))
    return {"exact": exact, "steps": np.stack([cuts, *over, *alone], axis=1).tolist()}


def _above(values: Counts, tokens: Counts, cuts: Counts, counted: Counts) -> tuple[Counts, Counts]:
    """For each cut: how many counted rows have a value above it, and the sum of their tokens."""
    order = np.argsort(values, kind="stable")
    below = np.searchsorted(values[order], cuts, side="right")
    rows = np.concatenate([[0], np.cumsum(counted[order])])
    sums = np.concatenate([[0], np.cumsum(tokens[order])])
    return rows[-1] - rows[below], sums[-1] - sums[below]
