"""A tiny T5 teacher and student of one tokenizer without a chat template, and rows of words to put into another language."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import AutoModelForSeq2SeqLM, BartConfig, MT5Config, PreTrainedTokenizerFast, T5Config, UMT5Config

from . import tiny

SPECIAL = ["<pad>", "</s>", "<unk>"]
SHAPE = {"vocab_size": 264, "d_kv": 8, "num_layers": 2, "num_heads": 4, "feed_forward_proj": "relu"}
ENGLISH = ["a dog", "a cat", "the sea", "two men", "my hand", "no way"]
GERMAN = ["ein Hund", "eine Katze", "das Meer", "zwei Leute", "meine Hand", "auf keinen Fall"]


def tokenizer() -> PreTrainedTokenizerFast:
    """Bytes only; as T5's own it puts the end token behind every text."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    inner = Tokenizer(models.BPE({t: i for i, t in enumerate([*SPECIAL, *alphabet])}, []))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    inner.add_special_tokens(SPECIAL)
    inner.post_processor = processors.TemplateProcessing("$A </s>", special_tokens=[("</s>", 1)])
    return PreTrainedTokenizerFast(
        tokenizer_object=inner, eos_token="</s>", pad_token="<pad>", unk_token="<unk>", model_max_length=128
    )


def config(family: str = "t5", width: int = 32, **changes: object) -> object:
    """`family` t5, mt5, umt5 or bart."""
    if family == "bart":
        names = ("layers", "attention_heads", "ffn_dim")
        sizes = {f"{part}_{n}": v for part in ("encoder", "decoder") for n, v in zip(names, (2, 4, 64), strict=True)}
        ids = {"pad_token_id": 0, "eos_token_id": 1, "bos_token_id": 2, "decoder_start_token_id": 1}
        return BartConfig(
            vocab_size=264, d_model=width, max_position_embeddings=96, forced_eos_token_id=None, **sizes, **ids
        )
    kind = {"t5": T5Config, "mt5": MT5Config, "umt5": UMT5Config}[family]
    return kind(**(SHAPE | {"d_model": width, "d_ff": 2 * width, "decoder_start_token_id": 0} | changes))


def network(family: str = "t5", seed: int = 1, width: int = 32, **changes: object) -> torch.nn.Module:
    """A random model, sure of something: weights are larger than usual."""
    torch.manual_seed(seed)
    made = AutoModelForSeq2SeqLM.from_config(config(family, width, **changes))
    with torch.no_grad():
        for name, p in made.named_parameters():
            if p.ndim > 1:
                p.normal_(0, 0.5 if "shared" in name and family != "t5" else 1.0 if "shared" in name else 0.2)
    return made.eval()


def model(folder: Path, seed: int, width: int = 32, family: str = "t5", **changes: object) -> Path:
    network(family, seed, width, **changes).save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder


def rows(train: int = 24, heldout: int = 8, unlabelled: int = 0) -> list[dict]:
    """A number and a word to put into German; without labels from the end of the training rows."""
    out = []
    for n in range(train + heldout):
        word, number = n % len(ENGLISH), n // len(ENGLISH)
        given = {"role": "user", "content": f"{ENGLISH[word]} {number}"}
        gold = None if train - unlabelled <= n < train else f"{GERMAN[word]}"
        split = "heldout" if n >= train else "train"
        out.append(
            {
                "row_id": f"row-{n:03d}",
                "messages": [given],
                "answer": gold,
                "split": split,
                "line": n,
                "source_id": None,
            }
        )
    return out


RECIPE = {
    "name": "Tiny encoder-decoder",
    "method": "sft",
    "student": {"model": "sample/student", "adapter": {"rank": 4, "alpha": 8}},
    "data": {"dataset": "tiny"},
    "train": {"steps": 8, "batch_size": 6, "learning_rate": 0.01},
    "evaluation": {"max_new_tokens": 20, "batch_size": 8, "bootstrap": 200, "metric": "exact_match"},
}


def run_folder(folder: Path, recipe: dict | None = None, given: list[dict] | None = None, family: str = "t5") -> Path:
    """A run folder as the supervisor writes it; the teacher is there when the recipe names one."""
    from jobs.distill.models.folder import manifest_sha256

    folder.mkdir(parents=True, exist_ok=True)
    whole = {**RECIPE, **(recipe or {})}
    listed = {}
    for who, seed, width in (("teacher", 1, 48), ("student", 2, 32)):
        if who == "teacher" and "teacher" not in whole:
            continue
        place = folder.parent / who
        if not place.exists():
            model(place, seed, width, family)
        listed[who] = {"folder": str(place), "key": f"sample/{who}", "revision": None, "sha256": manifest_sha256(place)}
    (folder / "models.json").write_text(json.dumps(listed))
    (folder / "recipe.yaml").write_text(json.dumps(whole))
    tiny.write_rows(folder / "data" / "rows.parquet", given or rows())
    return folder
