"""The plain training loop that makes the sample models: one stage after another, nothing resumable."""

from __future__ import annotations

import math
import random
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch.nn import functional
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from jobs.samples.data import Question
from jobs.samples.tokenizer import CONTEXT, PIECES

PAD_ID, END_ID = 0, 1


@dataclass(frozen=True)
class Shape:
    """The size of a Llama with tied embeddings."""

    width: int
    layers: int
    heads: int
    feedforward: int


@dataclass(frozen=True)
class Row:
    """Token ids of a rendered question and answer; the answer starts at `start`."""

    ids: list[int]
    start: int


@dataclass(frozen=True)
class Stage:
    """One pass of training: `reading` weighs the loss on the question's own tokens, `hiding` is the
    share of the question's tokens that are hidden from the model, `smoothing` is that of the answers' labels, `half`
    computes in bfloat16."""

    name: str
    epochs: int
    learning_rate: float
    batch_size: int = 32
    reading: float = 0.0
    hiding: float = 0.0
    smoothing: float = 0.0
    weight_decay: float = 0.1
    half: bool = False


def new_model(shape: Shape, seed: int) -> LlamaForCausalLM:
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=PIECES,
        hidden_size=shape.width,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.heads,
        intermediate_size=shape.feedforward,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=END_ID,
        pad_token_id=PAD_ID,
        rms_norm_eps=1e-6,
    )
    return LlamaForCausalLM(config)


def render(questions: Sequence[Question], tokenizer: PreTrainedTokenizerFast) -> list[Row]:
    """Each question as the chat template writes it, with the place where its answer starts."""
    rows = []
    for question in questions:
        prompt = f"<|user|>{question.text}<|assistant|>"
        asked = tokenizer(prompt, add_special_tokens=False)["input_ids"]
        answered = tokenizer(f"{question.answer}<|end|>", add_special_tokens=False)["input_ids"]
        rows.append(Row(asked + answered, len(asked)))
    return rows


def batches(rows: Sequence[Row], size: int, order: random.Random) -> Iterator[list[Row]]:
    """One epoch of batches of similar length, in random order."""
    shuffled = order.sample(list(rows), len(rows))
    window = size * 16
    cut = []
    for begin in range(0, len(shuffled), window):
        near = sorted(shuffled[begin : begin + window], key=lambda row: len(row.ids))
        cut += [near[i : i + size] for i in range(0, len(near), size)]
    order.shuffle(cut)
    yield from cut


def batch_loss(model: LlamaForCausalLM, batch: Sequence[Row], stage: Stage, noise: torch.Generator) -> torch.Tensor:
    """Mean cross-entropy of the answers, plus `reading` times that of the questions."""
    length = max(len(row.ids) for row in batch)
    ids = torch.tensor([row.ids + [PAD_ID] * (length - len(row.ids)) for row in batch])  # [batch, length]
    start = torch.tensor([row.start for row in batch])[:, None]
    end = torch.tensor([len(row.ids) for row in batch])[:, None]
    place = torch.arange(length)[None, :]
    answer = ((place >= start) & (place < end))[:, 1:]
    question = (place < start)[:, 1:]

    seen = ids
    if stage.hiding:
        hidden = torch.rand(ids.shape, generator=noise) < stage.hiding
        seen = ids.masked_fill(hidden & (place > 0) & (place < start - 1), PAD_ID)
    # Padding is on the right, so a causal model needs no mask for it.
    states = model.model(input_ids=seen[:, :-1]).last_hidden_state  # [batch, length - 1, width]
    targets = ids[:, 1:]
    loss = functional.cross_entropy(model.lm_head(states[answer]), targets[answer], label_smoothing=stage.smoothing)
    if stage.reading:
        loss = loss + stage.reading * functional.cross_entropy(model.lm_head(states[question]), targets[question])
    return loss


def fit(model: LlamaForCausalLM, rows: Sequence[Row], stage: Stage, seed: int, most_steps: int | None = None) -> None:
    """Trains in place with AdamW, 40 steps of warm-up and a cosine to a twentieth of the learning rate."""
    order = random.Random(seed)  # noqa: S311
    noise = torch.Generator().manual_seed(seed)
    decayed = [p for p in model.parameters() if p.ndim > 1]
    plain = [p for p in model.parameters() if p.ndim == 1]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": stage.weight_decay}, {"params": plain, "weight_decay": 0.0}],
        lr=stage.learning_rate,
        betas=(0.9, 0.98),
    )
    steps = stage.epochs * math.ceil(len(rows) / stage.batch_size)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: warm_cosine(step, steps))
    began, step, average = time.monotonic(), 0, 0.0
    model.train()
    for _ in range(stage.epochs):
        for batch in batches(rows, stage.batch_size, order):
            if most_steps is not None and step >= most_steps:
                return
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=stage.half):
                loss = batch_loss(model, batch, stage, noise)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            scheduler.step()
            step += 1
            average = loss.item() if step == 1 else 0.98 * average + 0.02 * loss.item()
            if step % 100 == 0 or step == steps:
                took = time.monotonic() - began
                print(f"{stage.name}: step {step} of {steps}, loss {average:.3f}, {took:.0f} s", file=sys.stderr)


def warm_cosine(step: int, steps: int, warm: int = 40) -> float:
    if step < warm:
        return (step + 1) / warm
    done = (step - warm) / max(1, steps - warm)
    return 0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


@torch.inference_mode()
def exact_match(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, questions: Sequence[Question]) -> float:
    """Share of questions whose greedy answer is the gold intent, word for word."""
    model.eval()
    right = 0
    for begin in range(0, len(questions), 256):
        part = questions[begin : begin + 256]
        asked = tokenizer(
            [f"<|user|>{q.text}<|assistant|>" for q in part],
            add_special_tokens=False,
            padding=True,
            return_tensors="pt",
            return_token_type_ids=False,
        )
        out = model.generate(**asked, max_new_tokens=16, do_sample=False)  # type: ignore[misc]
        texts = tokenizer.batch_decode(out[:, asked["input_ids"].shape[1] :], skip_special_tokens=True)
        right += sum(text == q.answer for text, q in zip(texts, part, strict=True))
    return right / len(questions)
