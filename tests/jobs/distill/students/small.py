"""A Llama of two layers that every kind of adapter fits, rows for it, and plain peft's view of what is exported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import LlamaConfig, LlamaForCausalLM

from jobs.distill.export import adapter_bytes, public_config
from jobs.distill.recipe import Adapter
from jobs.distill.students.lora import attach
from jobs.distill.weights import ModelSource

IDS = torch.tensor([[5, 9, 2, 44, 17, 8, 30, 21], [7, 7, 1, 12, 50, 3, 61, 4]])


def base(kv_heads: int = 2) -> Any:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    config = LlamaConfig(
        vocab_size=64, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=kv_heads, initializer_range=0.15, tie_word_embeddings=True,
    )  # fmt: skip
    return LlamaForCausalLM(config).eval().requires_grad_(False)


def rows() -> list[tuple[torch.Tensor, torch.Tensor]]:
    return [(row, row) for row in IDS]


def adapted(**adapter: Any) -> Any:
    return attach(base(), Adapter(**{"rank": 4, "alpha": 8, **adapter}), seed=3, rows=rows)


@torch.no_grad()
def logits(model: Any) -> torch.Tensor:
    return model.eval()(input_ids=IDS).logits


def reloaded(model: Any, folder: Path) -> Any:
    """What plain peft makes of the exported adapter on a fresh base."""
    folder.mkdir(exist_ok=True)
    (folder / "adapter_model.safetensors").write_bytes(adapter_bytes(model))
    (folder / "adapter_config.json").write_text(json.dumps(public_config(model, ModelSource(folder, "sample/base"))))
    return PeftModel.from_pretrained(base(), str(folder)).eval()
