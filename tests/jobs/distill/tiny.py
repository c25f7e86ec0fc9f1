"""A tiny teacher and student of one tokenizer, with random weights, and a few rows: made anew for each test folder."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from jobs.distill.data.schema import SCHEMA

SPECIAL = ["<|pad|>", "<|end|>", "<|user|>", "<|assistant|>", "<|system|>"]
TEMPLATE = (
    "{% for m in messages %}{{ '<|' + m['role'] + '|>' + m['content'] }}{% if m['role'] == 'assistant' %}{{ '<|end|>' }}{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
LABELS = ["card lost", "top up", "refund", "exchange rate"]
WORDS = [
    "my card",
    "is gone",
    "money back",
    "please",
    "how do I",
    "add cash",
    "in euro",
    "what is",
    "the rate",
    "again",
]


def tokenizer(pad: str = "<|pad|>") -> PreTrainedTokenizerFast:
    """Bytes only: 256 letters and the control tokens."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocab = {t: i for i, t in enumerate([*SPECIAL, *alphabet])}
    inner = Tokenizer(models.BPE(vocab, []))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    inner.add_special_tokens(SPECIAL)
    made = PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<|end|>", pad_token=pad)
    made.chat_template = TEMPLATE
    return made


def model(folder: Path, seed: int, width: int = 32, layers: int = 2, pad: str = "<|pad|>") -> Path:
    """A Llama of 261 tokens with larger weights than usual, so that it is sure of something."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=264, hidden_size=width, intermediate_size=2 * width, num_hidden_layers=layers, num_attention_heads=2,
        num_key_value_heads=2, max_position_embeddings=128, tie_word_embeddings=True, bos_token_id=None, eos_token_id=1, pad_token_id=0,
        initializer_range=0.15,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer(pad).save_pretrained(folder)
    return folder


def rows(labelled: int = 12, unlabelled: int = 12, heldout: int = 8) -> list[dict]:
    """Questions of a few words; the answer is a label."""
    out = []
    for n in range(labelled + unlabelled + heldout):
        question = " ".join(WORDS[(n * k + n // 7) % len(WORDS)] for k in range(1, 2 + n % 4)) + f" {n}"
        gold = None if labelled <= n < labelled + unlabelled else LABELS[n % len(LABELS)]
        split = "heldout" if n >= labelled + unlabelled else "train"
        out.append(
            {
                "row_id": f"row-{n:03d}",
                "messages": [{"role": "user", "content": question}],
                "answer": gold,
                "split": split,
                "line": n,
                "source_id": None,
            }
        )
    return out


def write_rows(path: Path, given: list[dict]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(given, schema=SCHEMA), path)
    return path


def run_folder(folder: Path, recipe: dict | None = None, given: list[dict] | None = None) -> Path:
    """A run folder as the supervisor writes it: models beside it, recipe, rows."""
    from jobs.distill.models.folder import manifest_sha256

    folder.mkdir(parents=True, exist_ok=True)
    listed = {}
    for who, seed, width in (("teacher", 1, 48), ("student", 2, 32)):
        place = folder.parent / who
        if not place.exists():
            model(place, seed, width)
        listed[who] = {"folder": str(place), "key": f"sample/{who}", "revision": None, "sha256": manifest_sha256(place)}
    (folder / "models.json").write_text(json.dumps(listed))
    (folder / "recipe.yaml").write_text(json.dumps({**RECIPE, **(recipe or {})}))
    write_rows(folder / "data" / "rows.parquet", given or rows())
    return folder


RECIPE = {
    "name": "Tiny run",
    "method": "llm-neo",
    "teacher": {"model": "sample/teacher"},
    "student": {"model": "sample/student", "adapter": {"rank": 4, "alpha": 8}},
    "data": {"dataset": "tiny"},
    "train": {"steps": 12, "batch_size": 6, "learning_rate": 0.01, "max_new_tokens": 6},
    "evaluation": {"max_new_tokens": 6, "batch_size": 8, "bootstrap": 200},
}
