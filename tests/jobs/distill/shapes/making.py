"""A tiny model of several layers, its rows, and the making of a shape from them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

from jobs.distill.recipe import Shape
from jobs.distill.rows import Row, read_rows
from jobs.distill.shapes.make import make
from tests.jobs.distill import tiny

torch.set_num_threads(1)
SHAPE: TypeAdapter[Any] = TypeAdapter(Shape)


def shape_of(**fields: Any) -> Any:
    return SHAPE.validate_python(fields)


def rows(folder: Path, labelled: int = 12, unlabelled: int = 4) -> list[Row]:
    """Training rows."""
    path = tiny.write_rows(folder / "rows.parquet", tiny.rows(labelled, unlabelled, 4))
    return [r for r in read_rows(path) if r.split != "heldout"]


def grouped(folder: Path, heads: int = 4, kv_heads: int = 2, layers: int = 2) -> Path:
    """A Llama whose query heads share key-value heads, head output untied."""
    torch.manual_seed(3)
    config = LlamaConfig(
        vocab_size=261, hidden_size=32, intermediate_size=48, num_hidden_layers=layers, num_attention_heads=heads,
        num_key_value_heads=kv_heads, max_position_embeddings=128, tie_word_embeddings=False, bos_token_id=None, eos_token_id=1,
        pad_token_id=0, initializer_range=0.15,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    tiny.tokenizer().save_pretrained(folder)
    return folder


def made(folder: Path, model: Path, seed: int = 0, out: str = "out", **shape: Any) -> tuple[Path, dict[str, Any]]:
    """(the shaped model's folder, its note)."""
    note = make(model, folder / out, shape_of(**shape), key="sample/model", rows=rows(folder), seed=seed)
    return folder / out, note


def loaded(folder: Path) -> Any:
    """The model as plain transformers loads it."""
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


@torch.no_grad()
def logits(model: Any, ids: list[int]) -> torch.Tensor:
    return model(torch.tensor([ids])).logits[0]
