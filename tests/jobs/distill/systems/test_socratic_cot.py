"""Two adapters on one base train on split fields; the chained pipeline solves toy two-step sums that one adapter misses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.jobs.distill import scripted
from tests.jobs.distill.decoding.answering import answer
from tests.jobs.distill.decoding.test_ways import two_steps
from tests.jobs.distill.systems import written
from tests.jobs.distill.writers.speaking import row


def says(messages: list[dict[str, str]]) -> str:
    turn = messages[-1]["content"]
    first, last = written.product(turn)
    if "sub-questions" not in turn:
        return str(last)
    wrong = first % 10 == 2  # planted: it ends in another number than the gold one
    return f"Q1: What is the product?\nA1: {first}\nQ2: And plus 5?\nA2: {last}\nAnswer: {last + wrong}"


def test_two_adapters_learn_split_fields_and_are_exported_together(tmp_path: Path) -> None:
    folder, report, _ = written.run(tmp_path / "run", "socratic-cot", scripted.rows(written.SUMS), says, longest=16)
    rows = scripted.output(folder, "take-apart")
    assert {r["task"] for r in rows} == {"decompose", "solve"}
    assert all("ends in" in r["reason"] for r in scripted.rejected(folder, "take-apart"))
    assert report["trained"] == ["student", "student"] and set(report["together"]["alone"]) == {
        "the last adapter",
        "solver alone",
    }
    tensors = {
        n: (folder / "adapter" / "paths" / n / "adapter_model.safetensors").read_bytes()
        for n in ("decomposer", "solver")
    }
    assert tensors["decomposer"] != tensors["solver"]
    assert json.loads((folder / "adapter" / "use.json").read_text())["how"] == "decompose-solve"
    assert "paths/decomposer/adapter_model.safetensors" in (folder / "adapter" / "SHA256SUMS").read_text()


@pytest.mark.parametrize("n", range(3, 9))
def test_the_chain_solves_what_one_adapter_misses(n: int) -> None:
    question = row(f"Ann has {n} boxes of {n + 1} pens and gives 2 away. How many are left?", str(n * (n + 1) - 2))
    found = answer("decompose-solve", question, two_steps, decomposer="asks", solver="solves")
    assert found.text == question.answer != found.alone["solver alone"]
