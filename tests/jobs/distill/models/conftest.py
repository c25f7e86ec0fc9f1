"""Tiny random models of every supported family, saved as people save them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.jobs.distill.hub_server import Hub, serving

VOCAB = 320
LLAMA = {
    "vocab_size": VOCAB,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
}
ENDS = {"bos_token_id": None, "eos_token_id": 1, "pad_token_id": 0}
# model_type -> (config class, its arguments)
FAMILIES: dict[str, tuple[str, dict]] = {
    "llama": ("LlamaConfig", LLAMA),
    "mistral": ("MistralConfig", LLAMA | {"sliding_window": None}),
    "qwen2": ("Qwen2Config", LLAMA),
    "qwen3": ("Qwen3Config", LLAMA | {"head_dim": 16}),
    "gemma": ("GemmaConfig", LLAMA | {"head_dim": 16}),
    "gemma2": ("Gemma2Config", LLAMA | {"head_dim": 16}),
    "gemma3_text": ("Gemma3TextConfig", LLAMA | {"head_dim": 16}),
    "phi": ("PhiConfig", LLAMA | {"num_key_value_heads": 4}),
    "phi3": ("Phi3Config", LLAMA),
    "smollm3": ("SmolLM3Config", LLAMA),
    "gpt2": ("GPT2Config", {"vocab_size": VOCAB, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 128}),
    "opt": (
        "OPTConfig",
        {
            "vocab_size": VOCAB,
            "hidden_size": 32,
            "word_embed_proj_dim": 32,
            "ffn_dim": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "max_position_embeddings": 128,
        },
    ),
}
T5 = {"vocab_size": VOCAB, "d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4, "n_positions": 128}
FAMILIES |= {
    "t5": ("T5Config", T5 | {"decoder_start_token_id": 0}),
    "mt5": ("MT5Config", T5),
    "umt5": ("UMT5Config", T5),
    "bart": (
        "BartConfig",
        {
            "vocab_size": VOCAB,
            "d_model": 32,
            "encoder_layers": 2,
            "decoder_layers": 2,
            "encoder_ffn_dim": 64,
            "decoder_ffn_dim": 64,
            "encoder_attention_heads": 4,
            "decoder_attention_heads": 4,
            "max_position_embeddings": 128,
            "decoder_start_token_id": 1,
            "forced_eos_token_id": None,
        },
    ),
}
TEMPLATE = "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}{% if m['role'] == 'assistant' %}<|end|>{% endif %}{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"


def save_tokenizer(folder: Path, words: str = "What is the capital of France? It is Paris. ") -> None:
    """A byte-level BPE with four special tokens; fewer ids than the embedding has rows."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<|pad|>", "<|end|>", "<|user|>", "<|assistant|>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(
        [words * 3],
        trainers.BpeTrainer(
            vocab_size=VOCAB - 10, special_tokens=special, initial_alphabet=alphabet, show_progress=False
        ),
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": "<|end|>",
        "pad_token": "<|pad|>",
        "model_max_length": 128,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    (folder / "chat_template.jinja").write_text(TEMPLATE)


def save_model(folder: Path, model_type: str, **changes: object) -> None:
    import torch
    import transformers

    torch.set_num_threads(1)
    name, arguments = FAMILIES[model_type]
    config = getattr(transformers, name)(**(arguments | ENDS | changes))
    torch.manual_seed(0)
    both = config.is_encoder_decoder
    auto = transformers.AutoModelForSeq2SeqLM if both else transformers.AutoModelForCausalLM
    auto.from_config(config).save_pretrained(folder)
    save_tokenizer(folder)
    (folder / "README.md").write_text("---\nlicense: apache-2.0\ntags: [tiny]\n---\n# Tiny\n")


@pytest.fixture(scope="session")
def family(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """family("qwen3") is a read-only folder with a tiny random model of that type."""
    made: dict[str, Path] = {}

    def get(model_type: str) -> Path:
        if model_type not in made:
            made[model_type] = tmp_path_factory.mktemp(model_type)
            save_model(made[model_type], model_type)
        return made[model_type]

    return get


@pytest.fixture
def tiny(family: Callable[[str], Path], tmp_path: Path) -> Path:
    """A tiny Llama of one's own, to be broken."""
    return Path(shutil.copytree(family("llama"), tmp_path / "tiny"))


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with serving() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server
