"""Simplified text uses only the allowed vocabulary >= 99%; tiny LM reaches lower loss at equal tokens."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from jobs.distill.writers.simplify import share
from tests.jobs.distill import scripted
from tests.jobs.distill.systems import writing

ALLOWED = ["the", "cat", "dog", "sat", "ran", "here"]
HARD = ["feline", "hound", "reclined", "galloped", "hereabouts", "whereupon", "notwithstanding", "quixotic"]


def sentence(words: list[str], n: int) -> str:
    drawn = random.Random(n)
    return " ".join(drawn.choice(words) for _ in range(8)) + "."


def says(asked: str) -> str:
    text = asked.split("\n\n---")[0]
    simple = sentence(ALLOWED, sum(map(ord, text)))
    return f"{simple[:-1]} zebra." if "9" in text or "zebra" in text else simple


def run(folder: Path, method: str = "tinyhelen", **more) -> Path:
    given = [(f"{sentence(HARD, n)} {n}", None) for n in range(10)]
    return writing.run(folder, method, given, says, **more)


def test_nearly_every_word_is_allowed_or_the_text_is_listed(tmp_path: Path) -> None:
    folder = run(tmp_path, options={"vocabulary": ALLOWED})
    made = scripted.output(folder, "simpler-texts")
    assert len(made) == 9 and all(share(r["messages"][0]["content"], frozenset(ALLOWED)) >= 0.99 for r in made)
    (lost,) = scripted.rejected(folder, "simpler-texts")
    assert "not: zebra" in lost["reason"] and len(writing.losses(folder)) == 2


@pytest.mark.slow
def test_the_same_number_of_steps_leaves_a_lower_loss(tmp_path: Path) -> None:
    train = {"steps": 60, "batch_size": 4}
    simple = run(tmp_path / "a", options={"vocabulary": ALLOWED}, train=train)
    stage = {"kind": "train", "supervise": "all", "terms": [{"type": "cross-entropy"}], **train, "learning_rate": 0.01}
    plain = run(tmp_path / "b", "", recipe={"stages": [stage]})
    assert np.mean(writing.losses(simple)[-10:]) < np.mean(writing.losses(plain)[-10:])
