"""Every stored target sums to 1, gold token is its argmax, reload is bit-equal; CE against it matches numpy to 1e-6."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from jobs.distill import signals
from jobs.distill.batches import Limits
from jobs.distill.stages import terms_of
from jobs.distill.teachers.recorded import SignalTeacher
from tests.jobs.distill.systems import duo

torch.set_num_threads(1)
ANSWERS = [("lost card?", "card lost"), ("money back", "refund"), ("rate?", "exchange rate")]


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list, signals.Store]:
    folder = tmp_path_factory.mktemp("stored")
    made = [duo.RENDERER.example(duo.row(q, q, a)) for q, a in ANSWERS]
    store = signals.Store(folder / "signals", signals.Settings("t", 32, 0.999, (1.0,)))
    assert duo.teacher(folder, double=False).record(made, store, Limits(2), 8, lambda done: False)
    return folder, made, store


def again(folder: Path, store: signals.Store) -> signals.Store:
    return signals.Store(folder / "signals", store.settings, writable=False)


def test_what_was_stored_comes_back_bit_for_bit(stored) -> None:
    folder, made, store = stored
    loaded = again(folder, store)
    for e in made:
        for name in ("counts", "ids", "z", "lse"):
            one, other = getattr(store[e.key], name), getattr(loaded[e.key], name)
            assert one.dtype == other.dtype and one.tobytes() == other.tobytes()


def targets(store: signals.Store, example, share: float) -> list[tuple[np.ndarray, np.ndarray, float, int]]:
    """(ids, their share of the target, what the bucket gets, place of the gold token or -1) a position, in numpy."""
    row, out, first = store[example.key], [], 0
    for n, y in enumerate(example.ids[example.start :]):
        last = first + int(row.counts[n])
        ids, p = row.ids[first:last], np.exp(row.z[first:last].astype(np.float64) - row.lse[n, 0])
        target = (1 - share) * p + share * (ids == y)
        place = int(np.flatnonzero(ids == y)[0]) if (ids == y).any() else -1
        out.append((ids, target, 1 - target.sum() - share * (place < 0), place))
        first = last
    return out


@pytest.mark.parametrize("share", [0.5, 0.8])
def test_targets_sum_to_one_and_the_gold_token_leads(stored, share: float) -> None:
    _, made, store = stored
    for e in made:
        for _, target, rest, place in targets(store, e, share):
            gold = target[place] if place >= 0 else share
            assert target.min() >= 0 and rest > -1e-3  # what is left over is the bucket's
            assert gold >= np.delete(target, place).max(initial=0) - 1e-9 if place >= 0 else gold >= target.max()


def test_cross_entropy_against_the_stored_targets_is_numpy_s(stored) -> None:
    folder, made, store = stored
    model, stage = duo.learner(folder), duo.stage("logits-based-ft", "distil", share=0.6)
    side = SignalTeacher(again(folder, store), made)
    ours = duo.shares(model, terms_of(stage), made, stage.reduction, side)[0]
    total, count = 0.0, 0
    for e in made:
        logs = duo.dense(model, e).numpy()
        for lq, y, (ids, target, rest, place) in zip(logs, e.ids[e.start :], targets(store, e, 0.6), strict=True):
            bucket = np.log(max(1 - np.exp(lq[ids]).sum(), 1e-300))
            total -= (target * lq[ids]).sum() + rest * bucket + (0.6 * lq[y] if place < 0 else 0.0)
            count += 1
    assert float(ours) == pytest.approx(total / count, abs=1e-6)


def test_its_small_form_records_once_and_trains(tmp_path: Path) -> None:
    folder = duo.run(tmp_path / "run", "logits-based-ft", top_k=16)
    assert len(duo.losses_of(folder, "label-mix")) == 3
    assert list((folder / "signals").glob("shard-*.safetensors"))
