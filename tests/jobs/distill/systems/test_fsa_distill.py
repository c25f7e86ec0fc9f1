"""Two-stage run: stage 1 without labels, stage 2 with labels; the zero-shot prompt for explanations works after stage 1."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import load

from jobs.distill.writers.interpretation import ASK
from tests.jobs.distill import scripted, tiny_two_parts
from tests.jobs.distill.systems import written

TEXTS = [(f"text {n}", ("good" if n % 2 else "bad") if n < 4 or n > 7 else None) for n in range(12)]


def says(messages: list[dict[str, str]]) -> str:
    return "It likes it." if "what this text thinks" in messages[-1]["content"] else "good"


def test_texts_are_explained_without_labels_and_the_task_follows(tmp_path: Path) -> None:
    folder, report, teacher = written.run(tmp_path / "run", "fsa-distill", scripted.rows(TEXTS), says, longest=24)
    rows = scripted.output(folder, "explanations")
    assert len(rows) == 8 and all(r["task"] == "explain" and r["messages"][0]["content"].startswith(ASK) for r in rows)
    assert not any("bad" in p for p in teacher.prompts() if "what this text thinks" in p)
    first, second = (
        load((p / "adapter.safetensors").read_bytes()) for p in sorted((folder / "stages").glob("*-student"))
    )
    assert any(not torch.equal(first[n], second[n]) for n in first)
    explain, task = written.stages("fsa-distill")[1:]
    assert explain.tasks == ["explain"] and explain.start == "previous" and task.rows == "labelled" and not task.tasks
    assert len(report["trained"]) == 2


def test_an_encoder_decoder_student_goes_through_both_stages(tmp_path: Path) -> None:
    """As in the paper, whose students are of T5's shape; the exported adapter says so."""
    tiny_two_parts.model(tmp_path / "student", 2, 32)
    recipe = {
        "method": "fsa-distill", "options": {"longest": 24}, "train": {"steps": 2, "batch_size": 4, "learning_rate": 0.01},
        "evaluation": {"max_new_tokens": 6, "batch_size": 8, "bootstrap": 100},
    }  # fmt: skip
    folder, _ = scripted.run(tmp_path / "run", recipe, scripted.rows(TEXTS), says)
    report = json.loads((folder / "report.json").read_text())
    assert len(report["trained"]) == 2 and report["made_rows"]["explanations"]["made"] == 8
    assert json.loads((folder / "adapter" / "adapter_config.json").read_text())["task_type"] == "SEQ_2_SEQ_LM"
