from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from jobs.distill.events import Events, read
from jobs.distill.signals import RowSignals, Settings, Store, collate, read_settings, trim
from jobs.distill.signals.shard import Shard

SETTINGS = Settings("teacher-hash", 4, 0.9, (1.0, 2.0))


def signals(positions: int, seed: int, vocab: int = 50, settings: Settings = SETTINGS) -> tuple[RowSignals, np.ndarray]:
    """Signals of random logits, and the logits themselves [P, V]."""
    z = np.random.default_rng(seed).normal(0, 3, (positions, vocab)).astype(np.float32)
    order = np.argsort(-z, axis=-1)[:, : settings.top_k]
    top = np.take_along_axis(z, order, -1)
    lse = np.stack([np.log(np.exp(z / t).sum(-1)) for t in settings.temperatures], -1)
    held = np.exp(top - lse[:, :1]).cumsum(-1)
    count = np.minimum((held < settings.mass).sum(-1) + 1, settings.top_k)
    return trim(order.astype(np.int32), top, count, lse, settings.temperatures), z


def test_it_keeps_exact_probabilities_at_every_recorded_temperature() -> None:
    row, z = signals(6, 1)
    ids, kept, lse, mask = collate([row])
    for column, t in enumerate((1.0, 2.0)):
        exact = np.take_along_axis(z / t - np.log(np.exp(z / t).sum(-1, keepdims=True)), ids, -1)
        assert np.abs((kept / t - lse[:, column : column + 1]) - exact)[mask].max() < 2e-3
    assert kept[mask].max() == 0


def test_it_keeps_as_few_ids_as_hold_the_mass() -> None:
    row, z = signals(40, 2)
    p = np.sort(np.exp(z) / np.exp(z).sum(-1, keepdims=True), -1)[:, ::-1].cumsum(-1)
    for count, held in zip(row.counts, p, strict=True):
        assert count == 4 or held[count - 1] >= 0.9
        assert count == 1 or held[count - 2] < 0.9


def test_it_finds_rows_again_in_a_new_process(tmp_path: Path) -> None:
    store = Store(tmp_path, SETTINGS)
    made = {f"key{i}": signals(i + 1, i)[0] for i in range(5)}
    for key, row in made.items():
        store.add(key, row)
    store.flush()
    again = Store(tmp_path, SETTINGS)
    assert len(again) == 5 and "key3" in again and read_settings(tmp_path) == replace(SETTINGS, label=True)
    for key, row in made.items():
        for name in ("counts", "ids", "z", "lse"):
            assert np.array_equal(getattr(again[key], name), getattr(row, name))


def test_it_names_only_the_missing_rows(tmp_path: Path) -> None:
    store = Store(tmp_path, SETTINGS)
    store.add("a", signals(2, 0)[0])
    assert store.missing(["a", "b", "c", "b"]) == ["b", "c"]


def test_it_is_topped_up_without_rewriting_what_is_there(tmp_path: Path) -> None:
    store = Store(tmp_path, SETTINGS)
    store.add("a", signals(2, 0)[0])
    store.flush()
    (first,) = tmp_path.glob("shard-*")
    before = first.read_bytes()
    again = Store(tmp_path, SETTINGS)
    again.add("b", signals(3, 1)[0])
    again.flush()
    assert first.read_bytes() == before and len(list(tmp_path.glob("shard-*"))) == 2
    assert len(Store(tmp_path, SETTINGS)) == 2


@pytest.mark.parametrize(
    "other",
    [
        Settings("another teacher", 4, 0.9, (1.0, 2.0)),
        Settings("teacher-hash", 8, 0.9, (1.0,)),
        Settings("teacher-hash", 4, 0.99, (1.0,)),
        Settings("teacher-hash", 4, 0.9, (1.0, 3.0)),
    ],
)
def test_it_never_mixes_in_signals_that_were_recorded_otherwise(tmp_path: Path, other: Settings) -> None:
    store = Store(tmp_path, SETTINGS)
    store.add("a", signals(2, 0)[0])
    store.flush()
    events = Events(tmp_path)
    assert len(Store(tmp_path, other, events)) == 0
    assert any("not used" in e["message"] for e in read(events.path))


def test_it_takes_rows_from_a_folder_with_more_temperatures(tmp_path: Path) -> None:
    rich = Store(tmp_path / "rich", SETTINGS)
    rich.add("a", signals(2, 0)[0])
    rich.flush()
    poor = Store(tmp_path / "poor", Settings("teacher-hash", 3, 0.8, (2.0,)))
    assert poor.adopt(rich, ["a", "b"]) == 1
    assert np.array_equal(poor["a"].lse[:, 0], rich["a"].lse[:, 1])


def test_a_torn_shard_is_recorded_again(tmp_path: Path) -> None:
    store = Store(tmp_path, SETTINGS)
    store.add("a", signals(2, 0)[0])
    store.flush()
    (shard,) = tmp_path.glob("shard-*")
    shard.write_bytes(shard.read_bytes()[:-10])
    events = Events(tmp_path)
    assert len(Store(tmp_path, SETTINGS, events)) == 0
    assert any("recorded again" in e["message"] for e in read(events.path))


# -- what is kept of the whole distribution, and what format 1 lacks ---------------------------------------------------


def whole(positions: int, seed: int, vocab: int = 50) -> tuple[RowSignals, np.ndarray]:
    """Signals with label, entropy and mass, and the exact probabilities [P, V]."""
    row, z = signals(positions, seed, vocab)
    p = np.exp(z - np.log(np.exp(z).sum(-1, keepdims=True)))
    label = np.log(p[:, 3])
    kept = np.array([np.sort(x)[::-1][:n].sum() for x, n in zip(p, row.counts, strict=True)])
    entropy = -(p * np.log(p)).sum(-1)
    return replace(
        row, label=label.astype(np.float32), entropy=entropy.astype(np.float16), mass=kept.astype(np.float32)
    ), p


def test_it_keeps_label_entropy_and_mass(tmp_path: Path) -> None:
    row, p = whole(7, 3)
    store = Store(tmp_path, SETTINGS)
    store.add("a", row)
    store.flush()
    again = Store(tmp_path, replace(SETTINGS, label=True))["a"]
    assert np.abs(again.label - np.log(p[:, 3])).max() < 1e-5
    assert np.abs(again.entropy.astype(float) + (p * np.log(p)).sum(-1)).max() < 2e-3
    assert np.abs(again.held(0) - replace(again, mass=None).held(0)).max() < 1e-3


def test_format_1_serves_until_a_term_asks_for_the_label(tmp_path: Path) -> None:
    """A shard as it was written before: no columns of the whole distribution, ids in 32 bits."""
    row, _ = signals(3, 1, vocab=70_000)
    tensors = {"rows": np.int32([3]), "counts": row.counts, "ids": row.ids, "z": row.z, "lse": row.lse}
    words = {k: json.dumps(v) for k, v in {**SETTINGS.as_dict(), "format": 1}.items()}
    (tmp_path / "shard-old.safetensors").write_bytes(save(tensors, {"keys": "old", **words}))
    store = Store(tmp_path, SETTINGS)
    assert np.array_equal(store["old"].ids, row.ids) and store["old"].label is None
    assert Store(tmp_path, replace(SETTINGS, label=True)).missing(["old"]) == ["old"]
    store.add("new", whole(2, 5)[0])
    store.flush()
    assert Store(tmp_path, SETTINGS).missing(["old", "new"]) == []
    assert Store(tmp_path, replace(SETTINGS, label=True)).missing(["old", "new"]) == ["old"]


def test_large_ids_come_back_from_three_bytes_each(tmp_path: Path) -> None:
    row, _ = whole(5, 2, vocab=151_936)
    store = Store(tmp_path, SETTINGS)
    store.add("a", row)
    store.flush()
    again = Store(tmp_path, SETTINGS)
    assert row.ids.max() > 2**16 and np.array_equal(again["a"].ids, row.ids)
    assert again.size() == 5 * (2 + 8 + 4 + 2 + 4) + len(row.ids) * 5


def test_sixty_four_ids_of_a_large_vocabulary_take_less_than_400_bytes(tmp_path: Path) -> None:
    n, settings = 200, Settings("t", 64, 1.0, (1.0,))
    ids = np.random.default_rng(0).integers(0, 151_936, (n, 64))
    z, ones = -np.arange(64, dtype=np.float32)[None].repeat(n, 0), np.ones(n, dtype=np.float32)
    store = Store(tmp_path, settings)
    store.add("a", trim(ids, z, np.full(n, 64), ones[:, None], (1.0,), ones, ones, ones))
    store.flush()
    (shard,) = tmp_path.glob("shard-*")
    assert shard.stat().st_size / n < 350


def test_opening_a_store_reads_no_signals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path, SETTINGS)
    for i in range(20):
        store.add(f"key{i}", whole(4, i)[0])
    store.flush()
    read = []
    row_of = Shard.row
    monkeypatch.setattr(Shard, "row", lambda self, index: read.append(index) or row_of(self, index))
    again = Store(tmp_path, SETTINGS)
    assert again.missing(["key3", "x"]) == ["x"] and again.size() > 0 and read == []
    assert len(again["key3"].counts) == 4 and len(read) == 1
