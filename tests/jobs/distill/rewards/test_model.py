"""A reward model is an adapter with a scalar head: it learns an order, is stored, and leaves the learner as it was."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from jobs.distill.arm import Stopped
from jobs.distill.rewards.model import RewardModel, Training, train
from jobs.distill.students.lora import trainable
from tests.jobs.distill.systems import duo

HOW = Training(steps=30, batch_size=4, rate=0.01, clip=1.0, seed=3)


def examples(n: int) -> tuple[list, list[tuple[int, int]]]:
    """Pairs of a calm answer over a shouting one."""
    rows, pairs = [], []
    for k in range(n):
        for text in (f"card {k} is fine", f"CARD {k} IS BAD!!"):
            rows.append(duo.RENDERER.example(duo.row(f"{k}{text[0]}", f"question {k * 7 % 11}", text)))
        pairs.append((2 * k, 2 * k + 1))
    return rows, pairs


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple:
    torch.set_num_threads(1)
    model = duo.learner(tmp_path_factory.mktemp("reward"), double=False)
    with torch.no_grad():
        for p in trainable(model).values():
            p.add_(0.01)
    own = {n: p.detach().clone() for n, p in trainable(model).items()}
    start = {n: torch.zeros_like(p) if "lora_B" in n else p.clone() for n, p in own.items()}
    rows, pairs = examples(16)
    heard: list[tuple[int, float, float]] = []
    reward = train(model, start, rows, pairs[:12], HOW, lambda *v: heard.append(v))
    return model, own, start, rows, pairs, reward, heard


def test_it_orders_pairs_it_never_saw(made: tuple) -> None:
    model, _, _, rows, pairs, reward, heard = made
    scores = reward.score(model, rows)
    assert all(scores[a] > scores[b] for a, b in pairs[12:])
    assert heard[0][1] == pytest.approx(math.log(2), abs=1e-6) and heard[-1][1] < 0.3
    assert abs(sum(scores[:24]) / 24) < 3  # centred on what it was shown


def test_the_learner_stays_as_it_was(made: tuple) -> None:
    model, own, _, _, _, _, _ = made
    now = trainable(model)
    assert all(torch.equal(own[n], now[n]) and now[n].grad is None for n in own)


def test_stored_and_loaded_it_scores_the_same(made: tuple, tmp_path: Path) -> None:
    model, _, _, rows, _, reward, _ = made
    for name, data in reward.files().items():
        (tmp_path / name).write_bytes(data)
    assert RewardModel.load(tmp_path).score(model, rows) == reward.score(model, rows)


def test_the_same_seed_gives_the_same_model(made: tuple) -> None:
    model, _, start, rows, pairs, _, _ = made
    few = Training(3, 4, 0.01, 1.0, 3)
    a, b = (train(model, start, rows, pairs, few) for _ in range(2))
    assert torch.equal(a.head, b.head) and a.zero == b.zero


def test_the_loss_is_bradley_terry_and_its_gradient_reaches_the_adapter(made: tuple) -> None:
    from jobs.distill.batches import one_batch
    from jobs.distill.rewards.model import _step, states

    model, _, _, rows, pairs, _, _ = made
    head = torch.nn.Parameter(torch.linspace(-0.1, 0.1, 32))
    with torch.no_grad():
        values = [float(states(model, one_batch([rows[i]])) @ head) for p in pairs[:3] for i in p]
    expected = sum(math.log1p(math.exp(values[2 * k + 1] - values[2 * k])) for k in range(3)) / 3
    loss, _ = _step(model, head, rows, pairs[:3])
    assert loss == pytest.approx(expected, abs=1e-5) and head.grad is not None
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in trainable(model).values())
    for p in trainable(model).values():
        p.grad = None


def test_it_stops_when_asked(made: tuple) -> None:
    model, own, start, rows, pairs, _, _ = made
    with pytest.raises(Stopped):
        train(model, start, rows, pairs, HOW, stopping=lambda: True)
    assert all(torch.equal(own[n], p) for n, p in trainable(model).items())
