"""The scores: every arm answers the frozen held-out rows greedily, row by row the same questions."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from .answers import Said, Speaker, collect, decoding_of
from .arm import Stopped
from .batches import Limits, micro_batches
from .head import Head, head_read
from .overlap import CORPUS, shared_things
from .recipe import Evaluation
from .rows import Example, Row
from .scores import METRICS, Corpus, PerRow, choose_metric
from .session import Session
from .two_parts import supervised_states
from .weights import backbone

BITS_BATCH = 64


@dataclass(frozen=True)
class Judged:
    """One arm on the held-out rows, in their order. `said` is empty for bits per byte, which needs no answer."""

    scores: PerRow
    said: dict[str, Said]


def metric_of(session: Session) -> str:
    """The metric asked for; `auto` looks at the gold answers and says why."""
    asked = session.recipe.evaluation.metric
    if asked != "auto":
        return asked
    metric, why = choose_metric([r.answer or "" for r in session.heldout_rows])
    session.events.reason("evaluation.metric", metric, why)
    return metric


def judge(session: Session, speaker: Speaker, arm: str, metric: str) -> Judged:
    """Scores of one arm; answers are kept as they are made."""
    rows, evaluation = session.heldout_rows, session.recipe.evaluation
    session.events.emit("phase", phase="evaluate", stage=arm, total=len(rows))
    if metric == "bits_per_byte":
        return Judged(_bits(session, speaker, rows, arm), {})
    said = collect(
        session, speaker, rows, decoding_of(speaker, evaluation.max_new_tokens), evaluation.batch_size, "evaluate"
    )
    return Judged(score_answers(rows, said, metric), said)


def score_answers(rows: Sequence[Row], said: Mapping[str, Said], metric: str) -> PerRow:
    if metric in CORPUS:
        return Corpus.of(metric, [said[r.row_id].text for r in rows], [r.answer or "" for r in rows])
    if metric == "set_f1":  # counted over all rows, so a row that lists much counts for much
        both = [shared_things(said[r.row_id].text, r.answer or "") for r in rows]
        return PerRow(*(np.asarray(column, dtype=float) for column in zip(*both, strict=True)))
    one = METRICS[metric]
    values = np.asarray([one(said[r.row_id].text, r.answer or "") for r in rows])
    return PerRow(values, np.ones(len(rows)))


def agreement(a: Judged, b: Judged) -> float | None:
    """Share of rows where two arms say the same; None where nobody spoke."""
    if not a.said or not b.said:
        return None
    same = [METRICS["exact_match"](a.said[k].text, b.said[k].text) for k in a.said]
    return float(np.mean(same))


def _bits(session: Session, speaker: Speaker, rows: Sequence[Row], arm: str) -> PerRow:
    """-log2 of the gold answer's probability (end token included) over its UTF-8 bytes, summed before dividing."""
    name = f"bits-{arm}"
    if found := session.results.get(name):
        kept = json.loads((found / "bits.json").read_text())
        return PerRow(np.asarray(kept["bits"]), np.asarray(kept["bytes"]))
    bits = answer_bits(speaker, [speaker.renderer.example(r) for r in rows], lambda: session.stopping)
    sizes = answer_bytes(rows)
    session.results.put(name, {"bits.json": json.dumps({"bits": bits, "bytes": sizes}).encode()})
    return PerRow(np.asarray(bits), np.asarray(sizes))


@torch.no_grad()
def answer_bits(speaker: Speaker, examples: Sequence[Example], stop: Callable[[], bool] = lambda: False) -> list[float]:
    """Bits the model needs for each example's answer, its end token included."""
    device = next(speaker.model.parameters()).device
    head, below = Head.of(speaker.model), backbone(speaker.model)
    bits = [0.0] * len(examples)
    for begin in range(0, len(examples), BITS_BATCH):
        chunk = examples[begin : begin + BITS_BATCH]
        for micro in micro_batches(chunk, range(len(chunk)), Limits(BITS_BATCH, 1 << 14)):
            moved = micro.to(device)
            read = head_read(supervised_states(below, moved), head, moved.labels)
            assert read.label_logp is not None
            counts = [chunk[i].supervised for i in micro.which]
            for i, part in zip(micro.which, read.label_logp.double().cpu().split(counts), strict=True):
                bits[begin + i] = float(-part.sum() / np.log(2))
        if stop():
            raise Stopped
    return bits


def answer_bytes(rows: Sequence[Row]) -> list[int]:
    return [max(1, len((r.answer or "").encode())) for r in rows]


def settings_of(evaluation: Evaluation, metric: str) -> dict[str, Any]:
    return {
        "metric": metric,
        "max_new_tokens": evaluation.max_new_tokens,
        "batch_size": evaluation.batch_size,
        "limit": evaluation.limit,
    }
