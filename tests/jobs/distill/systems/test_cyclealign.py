"""Only agreed rankings enter demos; demo store versioned per round; agreement rate rises."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.jobs.distill import scripted
from tests.jobs.distill.systems import judged

ROWS = [(f"ask {n}", "yes" if n % 2 else "no") for n in range(16)]


def says(messages: list[dict[str, str]]) -> str:
    """The judge prefers the shorter answer; without an example before it, it is wrong on every third question."""
    asked = judged.parts(messages)
    a, b = asked["answer-A"], asked["answer-B"]
    better = "A" if (len(a), a) < (len(b), b) else "B"
    unsure = "agreed on before" not in messages[1]["content"] and int(asked["question"].split()[1]) % 3 == 0
    return judged.choice({"A": "B", "B": "A"}[better] if unsure else better)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    options = {"rounds": 2, "candidates": 3, "demos": 2, "answer_tokens": 24, "first_rate": 0.005}
    train = {"steps": 10, "batch_size": 4, "learning_rate": 0.005}
    recipe = {"method": "cyclealign", "options": options, "train": train, "evaluation": {"max_new_tokens": 8}}
    return scripted.run(tmp_path_factory.mktemp("c") / "run", recipe, scripted.rows(ROWS), says)[0]


def rate(folder: Path, number: int) -> float:
    (note,) = [e["text"] for e in scripted.events(folder, "log") if f"'agree {number}'" in e["text"] and "are agreed on" in e["text"]]  # fmt: skip
    agreed, of = re.search(r"([\d,]+) of ([\d,]+) rankings", note).groups()  # type: ignore[union-attr]
    return int(agreed) / int(of)


def test_only_agreed_rankings_are_shown_and_each_round_has_its_store(done: Path) -> None:
    first, second = scripted.output(done, "agree-1"), scripted.output(done, "agree-2")
    assert first and second and all(r["agreed"] for r in (*first, *second))
    assert {json.dumps(r["demos"]) for r in first} == {'{"version": "none", "rows": []}'}
    (store,) = {json.dumps(r["demos"]) for r in second}
    assert json.loads(store)["rows"] == [r["id"] for r in first[-2:]] and json.loads(store)["version"] != "none"
    left = {r["reason"] for r in scripted.rejected(done, "agree-1")}
    assert "judge and student do not agree" in left


def test_the_agreement_rises(done: Path) -> None:
    assert rate(done, 2) > rate(done, 1)
