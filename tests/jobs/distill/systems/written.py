"""A system whose rows are written by a scripted teacher over HTTP, with a tiny student that reads 1,024 bytes."""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from jobs.distill import catalog
from jobs.distill import recipe as recipes
from tests.jobs.distill import scripted, tiny

SUMS = [(f"{n}*{n + 1}+5?", str(n * (n + 1) + 5)) for n in range(2, 14)]


def reader(folder: Path, seed: int = 2) -> Path:
    """The tiny student with room for prompts of several turns."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=264, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=2, max_position_embeddings=1024, tie_word_embeddings=True, bos_token_id=None, eos_token_id=1,
        pad_token_id=0, initializer_range=0.15,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    tiny.tokenizer().save_pretrained(folder)
    return folder


def run(
    folder: Path,
    method: str,
    given: list[dict[str, Any]],
    says: Callable[[list[dict[str, str]]], Any],
    train: dict[str, Any] | None = None,
    evaluation: dict[str, Any] | None = None,
    **options: Any,
) -> tuple[Path, dict[str, Any], scripted.Teacher]:
    """Runs the small form from its folder to its adapter. Returns the folder, the report and the teacher."""
    reader(folder.parent / "student")
    settings = {"steps": 2, "batch_size": 4, "learning_rate": 0.01, **(train or {})}
    judged = {"max_new_tokens": 8, "batch_size": 8, "bootstrap": 100, **(evaluation or {})}
    recipe = {"method": method, "options": options, "train": settings, "evaluation": judged}
    made, teacher = scripted.run(folder, recipe, given, says)
    assert teacher is not None
    return made, json.loads((made / "report.json").read_text()), teacher


def stages(method: str, **options: Any) -> list[Any]:
    """The stages of the small form, spelled out."""
    small = {"method": method, "options": options, "teacher": {"model": "t"}, "student": {"model": "s"}}
    return list(catalog.expand(recipes.parse({**small, "data": {"dataset": "d"}})).stages)


class Turns:
    """Counts how often each text was asked, from 0: answers of a teacher that is asked in parallel must not depend on order."""

    def __init__(self) -> None:
        self.guard, self.counts = threading.Lock(), Counter[str]()

    def next(self, text: str) -> int:
        with self.guard:
            self.counts[text] += 1
            return self.counts[text] - 1


def product(text: str) -> tuple[int, int]:
    """(n * m, n * m + 5) of the first sum that stands in a text."""
    found = re.search(r"(\d+)\*(\d+)\+5", text)
    assert found, text
    first = int(found[1]) * int(found[2])
    return first, first + 5
