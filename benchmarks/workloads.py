"""The same work for every side: two models of Qwen2's kind with random weights and GSM8K rows. Needs torch and transformers only.

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
    shape: str = "small"  # of the two models, see SHAPES
    device: str = "cpu"  # on cuda both models are made there, in bfloat16

    def trainer(self) -> dict[str, bool]:
        """What a transformers trainer is told of the device."""
        return {"bf16": self.device == "cuda", "use_cpu": self.device == "cpu"}


CASES = {
    "mixed-32k": Case(vocab=32_768, batch=8, steps=6),
    "mixed-128k": Case(vocab=131_072, batch=4, steps=4),
    "full-32k": Case(vocab=32_768, batch=4, steps=3, packed=True),
    "full-128k": Case(vocab=131_072, batch=2, steps=3, packed=True),
}
GPU_CASES = {  # of `gpu_step`
    "gpu-2k": Case(
        vocab=128_256, batch=4, steps=8, warmup=2, length=2048, packed=True, shape="billions", device="cuda"
    ),
    "tiny": Case(vocab=8192, batch=2, steps=2, length=64, packed=True, shape="tiny"),
}


def case(name: str) -> Case:
    return {**CASES, **GPU_CASES}[name]


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


@dataclass(frozen=True)
class Shape:
    width: int
    layers: int
    heads: int
    groups: int  # heads of keys and values
    inner: int

    @property
    def linear_parameters(self) -> int:
        """Numbers in the linear layers of all blocks."""
        attention = 2 * self.width * self.width * (self.heads + self.groups) // self.heads
        return self.layers * (attention + 3 * self.width * self.inner)


SHAPES = {
    "small": {"teacher": Shape(512, 8, 8, 8, 2048), "student": Shape(256, 6, 4, 4, 1024)},
    "billions": {"teacher": Shape(4096, 32, 32, 8, 14336), "student": Shape(2048, 16, 32, 8, 8192)},  # 8 and 1 of them
    "tiny": {"teacher": Shape(64, 2, 4, 2, 256), "student": Shape(32, 2, 4, 2, 128)},
}


def model(role: str, case: Case):  # type: ignore[no-untyped-def]
    """teacher or student of the case's shapes; tied embeddings; seeded random weights, float32 on CPU."""
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    shape = SHAPES[case.shape][role]
    torch.manual_seed({"teacher": 1, "student": 2}[role])
    config = Qwen2Config(
        vocab_size=case.vocab,
        hidden_size=shape.width,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.groups,
        intermediate_size=shape.inner,
        max_position_embeddings=max(1024, case.length),
        tie_word_embeddings=True,
        eos_token_id=2,
        pad_token_id=0,
    )
    if case.device == "cpu":
        return Qwen2ForCausalLM(config).float()
    with torch.device(case.device):  # eight billion random numbers take minutes on a CPU
        return Qwen2ForCausalLM._from_config(config, dtype=torch.bfloat16)
