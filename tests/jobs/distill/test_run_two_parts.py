"""Whole runs of encoder-decoders, through the command line: base to verified adapter."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest
import torch

from jobs.distill.events import read
from jobs.distill.verify import verify
from tests.jobs.distill import tiny_two_parts as tiny
from tests.jobs.distill.forking import Forker

LEARN = {"train": {"steps": 80, "batch_size": 12, "learning_rate": 0.01}}
TAUGHT = {
    "method": "llm-neo",
    "teacher": {"model": "sample/teacher"},
    "train": {**tiny.RECIPE["train"], "teacher": "recorded", "checkpoint_seconds": 0.001},
}


@pytest.fixture(scope="module")
def learnt(engine: Forker, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tiny.run_folder(
        tmp_path_factory.mktemp("learnt") / "run",
        {"student": {"model": "sample/student", "adapter": {"rank": 16, "alpha": 32}}, **LEARN},
        tiny.rows(48, 18),
    )
    assert engine.run("distill", str(folder)) == 0
    return folder


def report(folder: Path) -> dict:
    return json.loads((folder / "report.json").read_text())


@pytest.mark.slow
def test_it_learns_to_translate(learnt: Path) -> None:
    """The loss falls and held-out exact match rises above the base's."""
    losses = [e["values"]["loss"] for e in read(learnt / "events.jsonl") if e["type"] == "metric"]
    scores = report(learnt)["scores"]
    print(losses[0], losses[-1], scores)
    assert losses[-1] < 0.3 * losses[0]
    assert scores["student"]["low"] > scores["base"]["value"] == 0


def test_its_adapter_loads_with_plain_peft(learnt: Path) -> None:
    from peft import PeftModel
    from transformers import AutoModelForSeq2SeqLM

    config = json.loads((learnt / "adapter" / "adapter_config.json").read_text())
    assert config["task_type"] == "SEQ_2_SEQ_LM" and config["target_modules"] == ["k", "o", "q", "v", "wi", "wo"]
    base = AutoModelForSeq2SeqLM.from_pretrained(learnt.parent / "student", dtype=torch.float32)
    tuned = PeftModel.from_pretrained(base, learnt / "adapter").eval()
    tokenizer = tiny.tokenizer()
    asked = tokenizer("the sea 20", return_tensors="pt")
    said = tuned.generate(**asked, max_new_tokens=20, do_sample=False)
    assert tokenizer.decode(said[0], skip_special_tokens=True) == "das Meer"
    card = (learnt / "adapter" / "README.md").read_text()
    assert "AutoModelForSeq2SeqLM" in card and "text2text-generation" in card


def test_the_reported_score_is_made_again_by_plain_peft(learnt: Path) -> None:
    found = verify(learnt / "adapter", learnt.parent / "student", learnt / "data" / "rows.parquet")
    assert found.score == found.reported and found.rows == 18


def test_killed_and_resumed_it_ends_bit_for_bit_as_undisturbed(engine: Forker, tmp_path: Path) -> None:
    """With a teacher of two parts whose signals are recorded, a control arm and a gap."""
    clean, killed = (tiny.run_folder(tmp_path / name / "run", TAUGHT) for name in ("clean", "killed"))
    assert engine.run("distill", str(clean)) == 0
    lines = sum(1 for _ in read(clean / "events.jsonl"))
    for share in (0.4, 0.7):
        engine.run(
            "distill", str(killed), kill={"folder": str(killed), "events": int(lines * share), "signal": signal.SIGKILL}
        )
    assert engine.run("distill", str(killed)) == 0
    weights = [(f / "adapter" / "adapter_model.safetensors").read_bytes() for f in (clean, killed)]
    assert weights[0] == weights[1]
    found = report(clean)
    assert set(found["scores"]) == {"base", "control", "student", "teacher"} and "gap_closed" in found
    named = {c["field"]: c for c in found["choices"]}
    assert "encoder reads" in named["template"]["why"]


def test_micro_batches_of_any_size_train_the_same_adapter(engine: Forker, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    made = []
    for size in (6, 1):
        folder = tiny.run_folder(tmp_path / str(size) / "run", {"train": {**tiny.RECIPE["train"], "micro_batch": size}})
        assert engine.run("distill", str(folder)) == 0
        made.append(load_file(folder / "adapter" / "adapter_model.safetensors"))
    assert all(torch.allclose(made[0][n], made[1][n], atol=1e-5) for n in made[0])
