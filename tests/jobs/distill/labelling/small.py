"""Tiny random encoders with a byte tokenizer that frames its text, labelled and tagged rows, and a run over them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from jobs.distill.events import Events, read
from jobs.distill.models.folder import manifest_sha256
from jobs.distill.run import distill
from tests.jobs.distill import tiny

SPECIAL = ["[PAD]", "[CLS]", "[SEP]", "[UNK]"]
VOCAB = 264
SIZES = {
    "vocab_size": VOCAB,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
}
ENDS = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
ENCODERS: dict[str, tuple[str, dict[str, Any]]] = {
    "bert": ("BertConfig", SIZES | ENDS | {"max_position_embeddings": 128}),
    "deberta-v2": (
        "DebertaV2Config",
        SIZES | ENDS | {
            "max_position_embeddings": 128, "relative_attention": True, "position_buckets": 16, "pos_att_type": ["p2c", "c2p"],
            "norm_rel_ebd": "layer_norm", "share_att_key": True, "position_biased_input": False, "type_vocab_size": 0,
        },
    ),
    "roberta": ("RobertaConfig", SIZES | ENDS | {"max_position_embeddings": 130}),
    "distilbert": (
        "DistilBertConfig",
        {"vocab_size": VOCAB, "dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 64, "max_position_embeddings": 128, **ENDS},
    ),
    "modernbert": ("ModernBertConfig", SIZES | ENDS | {"max_position_embeddings": 128, "cls_token_id": 1, "sep_token_id": 2}),
}  # fmt: skip


def tokenizer() -> PreTrainedTokenizerFast:
    """Bytes between [CLS] and [SEP]."""
    vocab = {t: i for i, t in enumerate([*SPECIAL, *sorted(pre_tokenizers.ByteLevel.alphabet())])}
    inner = Tokenizer(models.BPE(vocab, []))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    inner.add_special_tokens(SPECIAL)
    inner.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=inner, pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]", unk_token="[UNK]"
    )


def encoder(
    folder: Path, model_type: str = "bert", seed: int = 3, head: str = "AutoModelForMaskedLM", **more: Any
) -> Path:
    """A random encoder as people save them: pre-trained with masked tokens, so without a layer over labels."""
    torch.manual_seed(seed)
    name, arguments = ENCODERS[model_type]
    config = getattr(transformers, name)(**(arguments | {"initializer_range": 0.1} | more))
    getattr(transformers, head).from_config(config).save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder


KEYS = {"gone": "card lost", "cash": "top up", "back": "refund", "rate": "exchange rate"}


def rows(
    labelled: int = 24, unlabelled: int = 0, heldout: int = 12, soft: dict[str, Any] | None = None
) -> list[dict[str, Any]]:
    """Short questions; one word of each says its label. `soft`: name -> function of (label, row number) to probabilities."""
    out = []
    words = list(KEYS)
    for n in range(labelled + unlabelled + heldout):
        word = words[n % len(words)]
        label = KEYS[word]
        split = "heldout" if n >= labelled + unlabelled else "train"
        gold = None if labelled <= n < labelled + unlabelled else label
        fields = {"soft": {name: make(label, n) for name, make in soft.items()}} if soft else None
        out.append({
            "row_id": f"row-{n:03d}", "messages": [{"role": "user", "content": f"{'abcdefgh'[n % 8]} {word} {n}"}], "answer": gold,
            "split": split, "line": n, "source_id": None, "fields": json.dumps(fields) if fields else None,
        })  # fmt: skip
    return out


NAMES, PLACES = ["Ada", "Bob", "Cleo", "Dan"], ["Rome", "Oslo", "Lima", "Bern"]


def tagged(train: int = 24, heldout: int = 12) -> list[dict[str, Any]]:
    """Sentences with people and places; the answer is the list of spans in JSON."""
    out = []
    for n in range(train + heldout):
        who, where = NAMES[n % 4], PLACES[(n // 2) % 4]
        text = f"{who} went to {where}" if n % 3 else f"in {where} was {who}"
        found = sorted([(text.index(who), who, "person"), (text.index(where), where, "place")])
        answer = json.dumps([{"type": kind, "text": t} for _, t, kind in found])
        out.append({
            "row_id": f"tag-{n:03d}", "messages": [{"role": "user", "content": text}], "answer": answer,
            "split": "heldout" if n >= train else "train", "line": n, "source_id": None, "fields": None,
        })  # fmt: skip
    return out


CE = [
    {
        "kind": "train",
        "name": "train",
        "terms": [{"type": "cross-entropy"}],
        "steps": 12,
        "batch_size": 8,
        "learning_rate": 0.01,
    }
]


def run_folder(
    folder: Path,
    base: Path,
    given: list[dict[str, Any]],
    stages: list[dict[str, Any]] | None = None,
    teacher: Path | None = None,
    **more: Any,
) -> Path:
    """A run folder for a student with a label head; `more` are fields of the recipe."""
    folder.mkdir(parents=True, exist_ok=True)
    listed = {"student": _entry(base, "own/student"), "teacher": _entry(teacher, "own/teacher") if teacher else None}
    recipe: dict[str, Any] = {
        "name": "Labels", "student": {"model": "own/student", "adapter": {"rank": 4, "alpha": 8}, **more.pop("student", {})},
        "data": {"dataset": "labels"}, "evaluation": {"bootstrap": 200, "max_new_tokens": 6}, **more,
    }  # fmt: skip
    if "method" not in more:
        recipe["stages"] = stages or CE
    if teacher:
        recipe["teacher"] = {"model": "own/teacher"}
    (folder / "models.json").write_text(json.dumps(listed))
    (folder / "recipe.yaml").write_text(json.dumps(recipe))
    tiny.write_rows(folder / "data" / "rows.parquet", given)
    return folder


def _entry(folder: Path, key: str) -> dict[str, Any]:
    return {"folder": str(folder), "key": key, "revision": None, "sha256": manifest_sha256(folder)}


def run(folder: Path) -> dict[str, Any]:
    """Carries the run out in this process; returns its report."""
    torch.set_num_threads(1)
    events = Events(folder)
    try:
        return distill(folder, events)
    finally:
        events.close()


def told(folder: Path, type: str) -> list[dict[str, Any]]:
    return [e for e in read(folder / "events.jsonl") if e["type"] == type]
