"""The same work for every side: two Qwen2-shaped models with random weights and GSM8K rows. Needs torch and transformers only.

GSM8K (OpenAI, MIT licence, data/LICENSE-gsm8k): question is the prompt, answer is supervised, rows of mixed length up to 512.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

DATA = Path(__file__).resolve().parent / "data" / "gsm8k-1500.jsonl"
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@dataclass(frozen=True)
class Case:
    """vocab: rows of the embedding; batch: rows per optimizer step; steps timed after `warmup` untimed ones."""

    vocab: int
    batch: int
    steps: int
    warmup: int = 1
    length: int = 512
    packed: bool = False  # every row is filled to `length`: texts one after another, all but a short prompt supervised


CASES = {
    "mixed-32k": Case(vocab=32_768, batch=8, steps=6),
    "mixed-128k": Case(vocab=131_072, batch=4, steps=4),
    "full-32k": Case(vocab=32_768, batch=4, steps=3, packed=True),
    "full-128k": Case(vocab=131_072, batch=2, steps=3, packed=True),
}


def tokenizer():  # type: ignore[no-untyped-def]  # the return type would import transformers
    """A byte-level BPE of 8,192 pieces made from the text itself: the models' vocabularies are padded far beyond it."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    text = (row[k] for row in raw_rows() for k in ("question", "answer"))
    bpe.train_from_iterator(text, trainers.BpeTrainer(vocab_size=8192, special_tokens=SPECIAL, show_progress=False))
    fast = PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token="<|im_end|>", pad_token="<|endoftext|>")  # noqa: S106 - token text
    fast.chat_template = TEMPLATE
    return fast


def raw_rows() -> list[dict[str, str]]:
    return [json.loads(line) for line in DATA.read_text(encoding="utf-8").splitlines()]


def rows(case: Case) -> list[dict[str, str]]:
    """As many rows as the case trains on, in file order, which is random in length."""
    count = case.batch * (case.steps + case.warmup)
    if not case.packed:
        return raw_rows()[:count]
    texts = [f"{r['question']}\n{r['answer']}" for r in raw_rows()]
    share = len(texts) // count  # far more text than a row holds
    fit = _cutter(case.length)
    return [
        {"question": "Go on.", "answer": fit("\n\n".join(texts[i * share : (i + 1) * share]))} for i in range(count)
    ]


def _cutter(length: int):  # type: ignore[no-untyped-def]
    """A function that cuts an answer so that its whole conversation has `length` tokens: no side has to cut, each its own way."""
    fast = tokenizer()

    def tokens(answer: str) -> int:
        turns = [{"role": "user", "content": "Go on."}, {"role": "assistant", "content": answer}]
        return len(fast.apply_chat_template(turns, return_dict=True)["input_ids"])

    def fit(answer: str) -> str:
        ids = fast(answer)["input_ids"]
        keep = length - tokens("")
        while tokens(fast.decode(ids[:keep])) > length:
            keep -= 1
        return str(fast.decode(ids[:keep]))

    return fit


WIDTHS = {"teacher": (512, 8, 8), "student": (256, 6, 4)}  # width, layers, heads


def linear_parameters(role: str) -> int:
    """Numbers in the linear layers of all blocks: four of attention, three of 4 * width in the feed-forward part."""
    width, layers, _ = WIDTHS[role]
    return layers * 16 * width * width


def model(role: str, case: Case):  # type: ignore[no-untyped-def]
    """teacher: 8 layers, 512 wide; student: 6 layers, 256 wide; tied embeddings; seeded random weights in float32."""
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    width, layers, heads = WIDTHS[role]
    torch.manual_seed({"teacher": 1, "student": 2}[role])
    config = Qwen2Config(
        vocab_size=case.vocab,
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        intermediate_size=4 * width,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        eos_token_id=2,
        pad_token_id=0,
    )
    return Qwen2ForCausalLM(config).float()
