"""Packed row reaches target length, answer chunk position uniform; needle test improves on a toy model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.jobs.distill import scripted
from tests.jobs.distill.systems import writing

DOCUMENTS = [(f"k{n} is {'pqrs'[n % 4]}", None) for n in range(12)]


def says(asked: str) -> str:
    name, _, value = asked.split("\n")[0].split()
    return json.dumps({"question": f"{name}?", "answer": value})


def run(folder: Path, number: int, length: int, **more) -> Path:
    options = {"number": number, "words": length, "chunk": 5, "around": "random", "sampling": 0}
    return writing.run(folder, "bootstrap-context", DOCUMENTS, says, options, **more)


def test_rows_reach_their_length_with_the_answer_anywhere(tmp_path: Path) -> None:
    made = scripted.output(run(tmp_path, 120, 15), "long-rows")
    assert all(15 <= r["words"] < 20 and r["around"] == 4 for r in made) and len(made) > 100
    counts = [sum(r["before"] == k for r in made) for k in range(5)]
    assert all(10 <= n <= 40 for n in counts), counts
    for r in made:
        text, answer = r["messages"][0]["content"], r["messages"][-1]["content"]
        assert f"{text.split()[-1][:-1]} is {answer}" in text.split("\n\n")


@pytest.mark.slow
def test_the_needle_is_found_more_often(tmp_path: Path) -> None:
    """Two of the chunks stand before the question; a student that learnt finds the right one better than by chance."""
    heldout = [
        (f"k{a} is {'pqrs'[a % 4]}\n\nk{b} is {'pqrs'[b % 4]}\n\nk{(a, b)[n % 2]}?", "pqrs"[(a, b)[n % 2] % 4])
        for n, (a, b) in enumerate((a, b) for a in range(6) for b in range(6, 12))
    ]
    folder = run(
        tmp_path, 400, 6, heldout=heldout, train={"steps": 250, "batch_size": 16},
        recipe={"student": {"model": "sample/student", "adapter": {"rank": 16, "alpha": 32}}, "evaluation": {"metric": "exact_match", "max_new_tokens": 3, "bootstrap": 200}},
    )  # fmt: skip
    report = json.loads((folder / "report.json").read_text())
    assert report["scores"]["student"]["value"] > report["scores"]["base"]["value"] + 0.2
