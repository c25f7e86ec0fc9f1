"""Runs of shape systems on tiny models: the student is cut from the teacher itself, which is the usual case."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from jobs.distill.events import Events
from jobs.distill.rows import Renderer, read_rows
from jobs.distill.run import distill
from jobs.distill.weights import load_model, load_tokenizer
from tests.jobs.distill import tiny

torch.set_num_threads(1)


def run(
    folder: Path, method: str, options: dict[str, Any], steps: int = 4, layers: int = 4, **recipe: Any
) -> tuple[Path, dict[str, Any]]:
    """(run folder, report) of the small-form recipe; teacher and student are the same model of several layers."""
    if not (folder / "teacher").exists():
        tiny.model(folder / "teacher", 1, 32, layers)
        tiny.model(folder / "student", 1, 32, layers)
    train = {"steps": steps, "batch_size": 6, "learning_rate": 0.02, "max_new_tokens": 6}
    asked = {"method": method, "options": options, "train": train, "control": False, **recipe}
    place = tiny.run_folder(folder / method, asked)
    return place, distill(place, Events(place))


@torch.no_grad()
def nats(model: Any, tokenizer_folder: Path, run_folder: Path) -> float:
    """Mean cross-entropy of a gold answer's token on the labelled training rows."""
    tokenizer = load_tokenizer(tokenizer_folder)
    renderer = Renderer(tokenizer, [tokenizer.eos_token_id])
    total = count = 0.0
    for row in read_rows(run_folder / "data" / "rows.parquet"):
        if row.labelled and row.split != "heldout":
            e = renderer.example(row)
            logits = model(torch.from_numpy(e.ids).long()[None]).logits[0, e.start - 1 : -1]
            total -= float(logits.log_softmax(-1).gather(1, torch.from_numpy(e.ids[e.start :]).long()[:, None]).sum())
            count += e.supervised
    return total / count


def plain(folder: Path) -> Any:
    return load_model(folder, torch.float32, torch.device("cpu"))


def healed(place: Path) -> Any:
    """The exported adapter on the exported student, by plain peft."""
    from peft import PeftModel

    return PeftModel.from_pretrained(plain(place / "student"), str(place / "adapter")).eval()


def losses(place: Path, arm: str = "student") -> list[float]:
    """The training loss step by step."""
    from jobs.distill.events import read

    events = read(place / "events.jsonl")
    return [
        e["values"]["loss"]
        for e in events
        if e["type"] == "metric" and e.get("arm", "student") == arm and "loss" in e["values"]
    ]
