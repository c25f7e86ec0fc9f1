"""Pairs carry language tags and same prompt id; DPO margin grows two rounds; both languages reported."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.jobs.distill import scripted

QUESTIONS = [(f"{'How' if n % 2 else 'Wie'} {n // 2}?", "so" if n % 2 else "eben") for n in range(20)]


def says(messages: list[dict[str, str]]) -> str:
    language, _, text = messages[-1]["content"].removeprefix("Translate the text into ").partition(". ")
    return f"[{language}] {text.rsplit(chr(10), 1)[-1][:10]}"


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tags = {"domain": ["English" if n % 2 else "German" for n in range(20)], "group": [f"p{n // 2}" for n in range(20)]}
    options = {"rounds": 2, "translator": "teacher", "answer_tokens": 16, "first_rate": 0.02}
    train = {"steps": 10, "batch_size": 4, "learning_rate": 0.001}
    recipe = {"method": "language-imbalance", "options": options, "train": train, "evaluation": {"max_new_tokens": 8}}
    return scripted.run(tmp_path_factory.mktemp("l") / "run", recipe, scripted.rows(QUESTIONS, **tags), says)[0]


def test_pairs_say_language_and_prompt_in_both_directions(done: Path) -> None:
    for number in (1, 2):
        pairs = scripted.output(done, f"languages-{number}")
        assert {p["language"] for p in pairs} == {"German", "English"}
        for p in pairs:
            assert p["prompt_id"] == p["group"] and p["domain"] == p["language"]
            translated = p["chosen"] if p["language"] == "German" else p["rejected"]
            assert translated.startswith(f"[{p['language']}]")
            assert p["lineage"]["sources"] == (["translated", "student"] if p["language"] == "German" else ["student", "translated"])  # fmt: skip


def test_the_margin_grows_in_both_rounds(done: Path) -> None:
    losses = [e["values"]["loss.dpo"] for e in scripted.events(done, "metric") if "loss.dpo" in e["values"]]
    first, second = losses[:10], losses[10:20]
    assert len(second) == 10 and sum(first[-3:]) < sum(first[:3]) and sum(second[-3:]) < sum(first[:3])


def test_both_languages_are_scored(done: Path) -> None:
    """Half of the four held-out questions is German, half English; the mean of both is the score."""
    report = json.loads((done / "report.json").read_text())
    found = {s["label"]: s for s in report["slices"] if s["label"] in ("English", "German")}
    assert {name: s["n"] for name, s in found.items()} == {"English": 2, "German": 2}
    for arm in ("base", "student", "teacher"):
        mean = sum(s[arm] for s in found.values()) / 2
        assert mean == pytest.approx(report["scores"][arm]["value"])
