"""The prompt carries confused pairs and F1 by label; the loop stops on patience; rare labels' F1 rises on a toy set of twenty."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.jobs.distill import scripted

pytestmark = pytest.mark.slow  # whole runs, shared by its tests

LABELS = {f"{a}{b}": f"{a}-{b}" for a in "abcde" for b in "wxyz"}  # the word in a text -> its label
RARE = list(LABELS.values())[::4]  # one row each; the others have four
COMMON = [label for label in LABELS.values() if label not in RARE]
PATIENCE = 2


def text(label: str, n: int) -> str:
    return f"{label.replace('-', '')} {n}"


def rows() -> list[dict]:
    pairs = [(text(label, n), label) for n in range(4) for label in LABELS.values() if n == 0 or label not in RARE]
    heldout = [(text(label, 50 + n), label) for n in range(2) for label in LABELS.values()]
    return scripted.rows([*pairs, *heldout], len(heldout))


def says(messages: list[dict[str, str]]) -> str:
    asked = messages[-1]["content"]
    if "Texts whose label is" not in asked:  # the teacher is scored on the held-out rows
        return LABELS[asked.split()[0]]
    found = re.search(r"Texts whose label is (\S+) and for which it said (.+):", asked)
    assert found
    shown = {int(n) for n in re.findall(r" (\d+)(?: =|$)", asked, re.MULTILINE)}
    fresh = [n for n in range(10, 50) if n not in shown][:4]
    return json.dumps({"items": [{"text": text(found[1], n), "label": found[1].upper()} for n in fresh]})


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, scripted.Teacher]:
    recipe = {
        "method": "pgkd", "options": {"rounds": 6, "patience": PATIENCE, "start": "previous"},
        "train": {"steps": 25, "batch_size": 16, "learning_rate": 0.01}, "control": True,
        "student": {"model": "sample/student", "adapter": {"rank": 8, "alpha": 16}},
    }  # fmt: skip
    folder, teacher = scripted.run(tmp_path_factory.mktemp("p") / "run", recipe, rows(), says)
    assert teacher is not None
    return folder, teacher


def test_the_prompt_carries_confused_pairs_and_scores(done: tuple[Path, scripted.Teacher]) -> None:
    prompts = [p for p in done[1].prompts() if "Texts whose label is" in p]
    assert prompts
    for p in prompts:
        label, said = re.search(r"Texts whose label is (\S+) and for which it said (.+):", p).groups()  # type: ignore[union-attr]
        assert re.search(rf"^- {label} taken for {re.escape(said)}: \d+$", p, re.MULTILINE)
        scores = re.findall(r"^- (\S+): F1 (\d\.\d\d), \d+ rows$", p, re.MULTILINE)
        assert {name for name, _ in scores} == set(LABELS.values())
        assert [float(f) for _, f in scores] == sorted(float(f) for _, f in scores)
        mistakes = p.split("and for which it said")[1].split("Right examples")[0]
        assert label.replace("-", "") in mistakes, "a row of this pair that was answered wrongly"
    made = scripted.output(done[0], "weak-spots-1")
    assert made and all(r["messages"][-1]["content"] == r["confused"][0] for r in made)


def test_the_loop_stops_on_patience_or_when_nothing_is_wrong(done: tuple[Path, scripted.Teacher]) -> None:
    rounds = [r for r in json.loads((done[0] / "report.json").read_text())["rounds"] if r["round"]]
    assert 1 <= len(rounds) < 6
    values = [r["gap_closed"] if r["gap_closed"] is not None else r["score"] for r in rounds]
    stale = len(values) > PATIENCE and max(values[-PATIENCE:]) <= max(values[:-PATIENCE]) + 1e-9
    assert stale or rounds[-1]["made"] == 0


def test_rare_labels_get_better(done: tuple[Path, scripted.Teacher]) -> None:
    arms = json.loads((done[0] / "report.json").read_text())["labelling"]["arms"]
    rare = {
        name: sum(line["f1"] for line in arm["table"] if line["label"] in RARE) / len(RARE)
        for name, arm in arms.items()
    }
    assert rare["student"] > rare["control"] + 0.05
