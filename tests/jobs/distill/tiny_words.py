"""A second tokenizer for the tiny pair: byte-level BPE whose merges are trained on the rows, in another template."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from tests.jobs.distill import tiny

END = "</s>"
TEMPLATE = (
    "{% for m in messages %}{{ '[' + m['role'] + '] ' + m['content'] | trim }}{% if m['role'] == 'assistant' %}{{ '</s>' }}{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}{{ '[assistant] ' }}{% endif %}"
)


def texts() -> list[str]:
    rows = tiny.rows()
    return [r["messages"][0]["content"] for r in rows] + [r["answer"] for r in rows if r["answer"]] * 3


def wrapped(inner: Tokenizer, unknown: str | None = None) -> PreTrainedTokenizerFast:
    made = PreTrainedTokenizerFast(tokenizer_object=inner, eos_token=END, pad_token=END, unk_token=unknown)
    made.chat_template = TEMPLATE
    return made


@cache
def bpe(size: int = 330) -> PreTrainedTokenizerFast:
    """Byte-level BPE with `size` tokens: its words are longer than bytes and its ids mean something else."""
    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet(), reverse=True)
    inner.train_from_iterator(
        texts(), trainers.BpeTrainer(vocab_size=size, special_tokens=[END], initial_alphabet=alphabet)
    )
    return wrapped(inner)


@cache
def pieces() -> PreTrainedTokenizerFast:
    """Sentencepiece-like: spaces are written as signs, unknown characters fall back to bytes."""
    signs = {END: 0, **{f"<0x{b:02X}>": b + 1 for b in range(256)}}
    letters = dict.fromkeys("\u2581abcdefghijklmnopqrstuvwxyz")
    merges = [("\u2581", "c"), ("a", "r"), ("\u2581c", "ar"), ("\u2581car", "d"), ("l", "o"), ("s", "t")]
    vocab = dict(signs)
    for token in [*letters, *("".join(m) for m in merges)]:
        vocab[token] = len(vocab)
    inner = Tokenizer(models.BPE(vocab, merges, byte_fallback=True, unk_token=None))
    inner.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    inner.decoder = decoders.Sequence([
        decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])  # fmt: skip
    inner.add_special_tokens([END])
    return wrapped(inner)


@cache
def wordpiece() -> PreTrainedTokenizerFast:
    """WordPiece that lowers letters and drops white space."""
    vocab = {t: i for i, t in enumerate([END, "[UNK]", *_wordpieces()])}
    inner = Tokenizer(models.WordPiece(vocab, unk_token="[UNK]", max_input_chars_per_word=50))
    inner.normalizer = normalizers.Lowercase()
    inner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    inner.decoder = decoders.WordPiece(prefix="##")
    inner.add_special_tokens([END, "[UNK]"])
    return wrapped(inner, "[UNK]")


def _wordpieces() -> list[str]:
    letters = [chr(c) for c in range(33, 127)]
    return list(dict.fromkeys([*letters, *("##" + c for c in letters), "card", "##ost", "lo", "##top", "re", "##fund"]))


def teacher(folder: Path, seed: int = 1, width: int = 48) -> Path:
    """A Llama over the BPE tokens."""
    tokenizer = bpe()
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer) + 6, hidden_size=width, intermediate_size=2 * width, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=2, max_position_embeddings=128, tie_word_embeddings=True, bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.eos_token_id, initializer_range=0.15,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def run_folder(folder: Path, recipe: dict, knows: bool = False) -> Path:
    """A run folder whose teacher has the second tokenizer, and with `knows` the answers."""
    from jobs.distill.models.folder import manifest_sha256

    place = folder.parent / "words"
    (taught if knows else teacher)(place)
    tiny.run_folder(folder, recipe)
    listed = json.loads((folder / "models.json").read_text())
    listed["teacher"] |= {"folder": str(place), "key": "sample/words", "sha256": manifest_sha256(place)}
    (folder / "models.json").write_text(json.dumps(listed))
    return folder


def taught(folder: Path, steps: int = 40) -> Path:
    """The same teacher after it has learnt the rows' answers."""
    from jobs.distill.rows import Renderer

    tokenizer = bpe()
    model = LlamaForCausalLM.from_pretrained(teacher(folder))
    reader = Renderer(tokenizer, [tokenizer.eos_token_id])
    rows = [r for r in tiny.rows() if r["answer"]]
    read = [(reader.prompt(r["messages"]), reader.answer(r["messages"], r["answer"])) for r in rows]
    length = max(len(p) + len(a) for p, a in read)
    ids = torch.tensor([p + a + [0] * (length - len(p) - len(a)) for p, a in read])
    labels = torch.tensor([[-100] * len(p) + a + [-100] * (length - len(p) - len(a)) for p, a in read])
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for _ in range(steps):
        model(input_ids=ids, labels=labels).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.save_pretrained(folder)
    return folder
