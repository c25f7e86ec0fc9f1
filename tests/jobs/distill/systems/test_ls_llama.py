"""The layer over the labels is saved whole with the adapter (SEQ_CLS, TOKEN_CLS); plain peft gives the same logits to 1e-6."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from peft import PeftModel

from tests.jobs.distill import tiny
from tests.jobs.distill.labelling import small


@pytest.mark.parametrize(("task", "kind", "auto"), [
    ("classify", "SEQ_CLS", "AutoModelForSequenceClassification"), ("tag", "TOKEN_CLS", "AutoModelForTokenClassification"),
])  # fmt: skip
def test_head_and_adapter_reload_with_plain_peft(tmp_path: Path, task: str, kind: str, auto: str) -> None:
    """Reloaded by the lines of the model card alone, without a word of ours; for tags the causal mask is gone."""
    student, given = tiny.model(tmp_path / "student", 2, 32), small.rows() if task == "classify" else small.tagged()
    folder = small.run_folder(
        tmp_path / "run", student, given, method="ls-llama", options={"task": task},
        train={"steps": 30, "batch_size": 8, "learning_rate": 0.01},
    )  # fmt: skip
    report = small.run(folder)
    assert report["scores"]["student"]["value"] > report["scores"]["base"]["value"]
    assert report["parity"]["rows"] > 0 and report["parity"]["largest_difference"] <= 1e-6
    config = json.loads((folder / "adapter" / "adapter_config.json").read_text())
    assert config["task_type"] == kind and "score" in config["modules_to_save"]
    note = json.loads((folder / "adapter" / "labels.json").read_text())
    names = {int(i): name for i, name in note["id2label"].items()}
    settings: Any = transformers.AutoConfig.from_pretrained(
        student, num_labels=len(names), id2label=names, label2id=note["label2id"]
    )
    settings.pad_token_id = note["pad_token_id"]
    assert note["attention"] == ("full" if task == "tag" else "causal")
    if note["attention"] == "full":
        settings.is_causal = False
    base = getattr(transformers, auto).from_pretrained(student, config=settings)
    model = PeftModel.from_pretrained(base, str(folder / "adapter")).eval()
    right = 0
    for row in [r for r in given if r["split"] == "heldout"]:
        ids = torch.tensor([tiny.tokenizer()(row["messages"][0]["content"])["input_ids"]])
        with torch.no_grad():
            logits = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
        right += names[int(logits[0].argmax())] == row["answer"] if task == "classify" else 0
    if task == "classify":
        assert right / 12 == pytest.approx(report["scores"]["student"]["value"])
