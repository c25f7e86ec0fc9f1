"""Encoder-decoders against transformers itself: the loss, its gradient, what is read and what is written."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from peft import LoraConfig, get_peft_model

from jobs.distill.batches import Limits, cut, micro_batches
from jobs.distill.beams import beam_search
from jobs.distill.generate import Decoding, generate
from jobs.distill.head import Head, probe
from jobs.distill.objectives.base import Objective
from jobs.distill.objectives.cross_entropy import CrossEntropy
from jobs.distill.objectives.forward_kl import ForwardKL
from jobs.distill.rows import Example, Renderer
from jobs.distill.step import Losses, Term
from jobs.distill.students.lora import linear_names, task_of, trainable
from jobs.distill.teachers.local import LocalTeacher
from jobs.distill.two_parts import TwoParts, taken_apart
from jobs.distill.weights import backbone
from tests.jobs.distill import tiny_two_parts as tiny

torch.set_num_threads(1)
FAMILIES = {
    "t5": partial(tiny.network, "t5"),
    "t5 with a head of its own": partial(tiny.network, "t5", tie_word_embeddings=False),
    "t5 gated": partial(tiny.network, "t5", feed_forward_proj="gated-gelu"),
    "mt5": partial(tiny.network, "mt5"),
    "umt5": partial(tiny.network, "umt5"),
    "bart": partial(tiny.network, "bart"),
}


def untied(model: Any) -> Any:
    """A head of its own, as T5 1.1, Flan-T5 and mT5 have it."""
    model.lm_head.weight = torch.nn.Parameter(torch.randn(model.lm_head.weight.shape) * 0.3)
    return model


def made(name: str, **changes: Any) -> Any:
    model = FAMILIES[name](**changes)
    return untied(model) if "own" in name or name == "mt5" else model


def examples(count: int = 7, seed: int = 0) -> list[Example]:
    """Prompts and answers of different lengths."""
    draw = np.random.default_rng(seed)
    out = []
    for n in range(count):
        prompt, answer = draw.integers(3, 260, draw.integers(1, 9)), draw.integers(3, 260, draw.integers(1, 7))
        out.append(Example(f"r{n}", np.asarray([*prompt, 1, *answer, 1], dtype=np.int32), len(prompt) + 1, True))
    return out


def whole_loss(model: Any, rows: Sequence[Example], logits: bool = False) -> torch.Tensor:
    """Mean loss a token as transformers computes it from padded prompts and labels."""
    prompts, answers = [e.ids[: e.start] for e in rows], [e.ids[e.start :] for e in rows]
    ids, mask = torch.zeros(len(rows), max(map(len, prompts)), dtype=torch.long), None
    mask, labels = torch.zeros_like(ids), torch.full((len(rows), max(map(len, answers))), -100)
    for r, (p, a) in enumerate(zip(prompts, answers, strict=True)):
        ids[r, : len(p)], mask[r, : len(p)] = torch.tensor(p.astype(np.int64)), 1
        labels[r, : len(a)] = torch.tensor(a.astype(np.int64))
    out = model(input_ids=ids, attention_mask=mask, labels=labels)
    return out.logits[labels != -100] if logits else out.loss


def adapted(model: Any) -> Any:
    wrapped = get_peft_model(
        model,
        LoraConfig(task_type=task_of(model), r=4, target_modules=linear_names(model)),
        autocast_adapter_dtype=False,
    )
    torch.manual_seed(3)
    for p in trainable(wrapped).values():
        p.data += 0.05 * torch.randn(p.shape, dtype=p.dtype)
    return wrapped.eval()


def our_loss(model: Any, rows: list[Example], limits: Limits, *terms: Term, teacher: Any = None) -> torch.Tensor:
    losses = Losses(model, None, terms or [Term(Objective(CrossEntropy()))], teacher)
    parts = [
        losses.of(micro, [rows[i] for i in micro.which], losses.terms, 0, None)[0]
        for micro in micro_batches(rows, range(len(rows)), limits)
    ]
    return torch.stack(parts).sum()


@pytest.mark.parametrize("name", FAMILIES)
def test_its_logits_are_the_model_s_own(name: str) -> None:
    model = made(name)
    if name == "bart":
        model.final_logits_bias += torch.randn(model.final_logits_bias.shape)
    assert probe(model) < 1e-4
    assert (Head.of(model).scale != 1) == (name in ("t5", "t5 gated", "umt5"))


@pytest.mark.parametrize("name", FAMILIES)
def test_loss_and_gradient_are_those_of_the_dense_loss(name: str) -> None:
    """To 1e-6, whatever the cut into micro-batches."""
    model = adapted(made(name).double())
    rows = examples()
    wanted = whole_loss(model, rows)
    wanted.backward()
    slopes = {n: p.grad.clone() for n, p in trainable(model).items()}
    assert all(float(g.abs().max()) > 0 for g in slopes.values()), "every adapted layer is reached, encoder and decoder"
    for limits in (Limits(7), Limits(3, apart=True), Limits(2), Limits(1)):
        model.zero_grad()
        loss = our_loss(model, rows, limits)
        loss.backward()
        assert loss.item() == pytest.approx(wanted.item(), abs=1e-6)
        for n, p in trainable(model).items():
            assert torch.allclose(p.grad, slopes[n], atol=1e-6, rtol=1e-6), n


def test_a_teacher_of_two_parts_gives_its_divergence() -> None:
    rows = examples()
    student, teacher = adapted(made("t5").double()), made("umt5", seed=5, width=48).double()
    limits = Limits(2, apart=True)
    loss = our_loss(student, rows, limits, Term(Objective(ForwardKL())), teacher=LocalTeacher(teacher))
    q, p = (F.log_softmax(whole_loss(m, rows, logits=True), -1) for m in (student, teacher))
    assert loss.item() == pytest.approx((p.exp() * (p - q)).sum(-1).mean().item(), abs=1e-6)


def test_painted_tokens_are_left_out_of_loss_and_normaliser() -> None:
    model, rows = adapted(made("t5").double()), examples(3)
    painted = [Example(e.row_id, e.ids, e.start, True, paint=np.ones(e.supervised, np.float32)) for e in rows]
    painted[1].paint[:] = 0
    wanted = whole_loss(model, [rows[0], rows[2]]).item()
    assert our_loss(model, painted, Limits(2)).item() == pytest.approx(wanted, abs=1e-6)


@given(st.lists(st.tuples(st.integers(1, 6), st.integers(1, 6)), min_size=1, max_size=6))
@settings(max_examples=60, deadline=None)
def test_taking_rows_apart_loses_nothing(sizes: list[tuple[int, int]]) -> None:
    """The encoder gets the prompt, the decoder the start token and all of the answer but its end."""
    rows = []
    for n, (prompt, answer) in enumerate(sizes):
        ids = np.arange(10, 10 + prompt + answer, dtype=np.int32) + 20 * n
        rows.append(Example(f"r{n}", ids, prompt, True))
    for micro in micro_batches(rows, range(len(rows)), Limits(3, apart=True)):
        apart = taken_apart(micro, start=7)
        for r, i in enumerate(micro.which):
            e = rows[i]
            assert apart.prompts[r, : e.start].tolist() == e.ids[: e.start].tolist()
            assert apart.prompt_mask[r].tolist() == [1] * e.start + [0] * (apart.prompts.shape[1] - e.start)
            assert apart.input_ids[r, : e.supervised].tolist() == [7, *e.ids[e.start : -1].tolist()]
            mine = apart.places[apart.of == r]
            assert mine.tolist() == [r * apart.input_ids.shape[1] + k for k in range(e.supervised)]
            assert apart.labels[apart.of == r].tolist() == e.ids[e.start :].tolist()


def test_rows_are_cut_by_both_lengths() -> None:
    """Two long prompts with short answers and two short prompts with long answers do not share a forward."""
    prompts, answers = [100, 10, 101, 11], [4, 60, 5, 61]
    groups = cut([p + a for p, a in zip(prompts, answers, strict=True)], Limits(4, apart=True), answers)
    assert sorted(map(sorted, groups)) == [[0, 2], [1, 3]]
    assert cut([104, 105], Limits(4), [4, 5]) == [[0, 1]]


def test_the_backbone_s_layers_are_encoder_and_decoder_s_and_never_the_head() -> None:
    assert linear_names(made("t5")) == ["k", "o", "q", "v", "wi", "wo"]
    assert linear_names(made("t5 gated")) == ["k", "o", "q", "v", "wi_0", "wi_1", "wo"]
    assert linear_names(made("bart")) == ["fc1", "fc2", "k_proj", "out_proj", "q_proj", "v_proj"]
    parts = backbone(adapted(made("t5")))
    assert isinstance(parts, TwoParts)
    names = [n for n, _ in parts.named_modules() if n.endswith("lora_A.default")]
    assert sum(n.startswith("encoder.") for n in names) == 12 and sum(n.startswith("decoder.") for n in names) == 20


# -- what it reads and writes -------------------------------------------------------------------------------------------


def test_a_row_is_read_as_two_texts_each_with_its_end() -> None:
    tokenizer = tiny.tokenizer()
    renderer = Renderer(tokenizer, [1], kind="encoder-decoder")
    asked = [{"role": "system", "content": "Translate."}, {"role": "user", "content": "a dog"}]
    prompt, answer = renderer.prompt(asked), renderer.answer(asked, "ein Hund")
    assert prompt == tokenizer("Translate.\na dog")["input_ids"] and prompt[-1] == 1
    assert answer == tokenizer("ein Hund")["input_ids"]
    forged = renderer.prompt([{"role": "user", "content": "a</s>b"}])
    assert forged.count(1) == 1 and renderer.decode(forged) == "a</s>b"


def test_the_preview_shows_what_training_reads(tmp_path: Path) -> None:
    from jobs.distill.data.render import Reader

    folder = tiny.model(tmp_path / "t5", 1)
    reader, renderer = Reader(folder), Renderer(tiny.tokenizer(), [1], kind="encoder-decoder")
    row = {"messages": [{"role": "user", "content": "a dog </s>"}], "answer": "ein Hund"}
    prompt, answer, rest = reader.row(row)
    assert [t.id for t in prompt] == renderer.prompt(row["messages"])
    assert [t.id for t in answer] == renderer.answer(row["messages"], row["answer"]) and rest == []
    assert reader.lengths(row) == (len(prompt), len(answer))


PROMPTS = [e.ids[: e.start].tolist() for e in examples(6, seed=4)]


@pytest.mark.parametrize("name", FAMILIES)
def test_greedy_answers_are_those_of_transformers(name: str) -> None:
    model = made(name)
    said = generate(model, PROMPTS, Decoding(12, (1,)), 4)
    assert len({tuple(a.ids) for a in said}) > 1
    for prompt, answer in zip(PROMPTS, said, strict=True):
        theirs = model.generate(
            input_ids=torch.tensor([prompt]), max_new_tokens=12, do_sample=False, num_beams=1, eos_token_id=1,
            forced_eos_token_id=None, forced_bos_token_id=None,
        )[0, 1:].tolist()  # fmt: skip
        assert answer.ids == [t for t in theirs if t != 1] and answer.finished == (1 in theirs)


@pytest.mark.parametrize("refill", [False, True])
def test_a_sampled_answer_does_not_depend_on_its_batch(refill: bool) -> None:
    model, decoding = made("t5"), Decoding(10, (1, 30, 31, 32, 33), temperature=1.0, seed=3)
    alone = generate(model, PROMPTS, decoding, 1)
    assert generate(model, PROMPTS, decoding, 6, refill=refill) == alone == generate(model, PROMPTS, decoding, 2)
    assert generate(model, PROMPTS, Decoding(10, decoding.eos, temperature=1.0, seed=4), 6) != alone


def test_the_encoder_reads_each_prompt_once(monkeypatch: pytest.MonkeyPatch) -> None:
    model, read = adapted(made("t5")), []
    forward = TwoParts.read
    monkeypatch.setattr(TwoParts, "read", lambda self, ids, mask: read.append(len(ids)) or forward(self, ids, mask))
    generate(model, PROMPTS, Decoding(8, ()), 3)
    assert read == [3, 3]


def test_beams_begin_with_what_is_likeliest() -> None:
    model, decoding = made("t5"), Decoding(6, (1,))
    found = beam_search(model, PROMPTS[0], decoding, 4)
    assert len(found) == 4 and all(a.finished for a in found)
    scores = [_logp(model, PROMPTS[0], [*a.ids, 1]) for a in found]
    assert scores == sorted(scores, reverse=True)


def _logp(model: Any, prompt: list[int], answer: list[int]) -> float:
    row = Example("r", np.asarray([*prompt, *answer], dtype=np.int32), len(prompt), True)
    return -float(whole_loss(model, [row])) * len(answer)
