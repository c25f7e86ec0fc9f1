"""Heads of the model families people use, bare and with peft, against the models' own forward."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import transformers as t
from peft import LoraConfig, get_peft_model
from torch import Tensor

from jobs.distill.errors import ModelRejected
from jobs.distill.head import Head, head_pass
from jobs.distill.objectives.base import Objective
from jobs.distill.objectives.cross_entropy import CrossEntropy
from jobs.distill.output_layer import backbone, probe

torch.set_num_threads(1)

VOCAB = 99
SHAPE: dict[str, Any] = {
    "vocab_size": VOCAB, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2,
    "num_key_value_heads": 1, "max_position_embeddings": 32, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0,
}  # fmt: skip
IDS = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
FAMILIES: dict[str, t.PretrainedConfig] = {
    "llama": t.LlamaConfig(**SHAPE, tie_word_embeddings=False),
    "llama tied": t.LlamaConfig(**SHAPE, tie_word_embeddings=True),
    "qwen2": t.Qwen2Config(**SHAPE),
    "qwen3": t.Qwen3Config(**SHAPE, head_dim=8),
    "mistral": t.MistralConfig(**SHAPE),
    "smollm3": t.SmolLM3Config(**SHAPE),
    "gemma2 soft cap": t.Gemma2Config(**SHAPE, head_dim=8, final_logit_softcapping=3.0),
    "gemma3 soft cap": t.Gemma3TextConfig(**SHAPE, head_dim=8, final_logit_softcapping=3.0),
    "phi bias": t.PhiConfig(**SHAPE),
    "phi3": t.Phi3Config(**SHAPE),
    "gpt2": t.GPT2Config(vocab_size=VOCAB, n_embd=16, n_layer=1, n_head=2, n_positions=32, **IDS),
    "opt": t.OPTConfig(vocab_size=VOCAB, hidden_size=16, ffn_dim=24, num_hidden_layers=1, num_attention_heads=2, max_position_embeddings=32, word_embed_proj_dim=8, **IDS),
    "granite divided": t.GraniteConfig(**SHAPE, logits_scaling=6.0),
    "cohere multiplied": t.CohereConfig(**SHAPE, logit_scale=0.25),
    "hyperclovax multiplied": t.HyperCLOVAXConfig(**SHAPE, logits_scaling=0.3),
    "nanochat soft cap": t.NanoChatConfig(**SHAPE),
    "gpt-neox": t.GPTNeoXConfig(vocab_size=VOCAB, hidden_size=16, intermediate_size=24, num_hidden_layers=1, num_attention_heads=2, **IDS),
}  # fmt: skip


def build(config: t.PretrainedConfig, scale: float = 0.3) -> t.PreTrainedModel:
    """A tiny model with weights large enough for caps and scalings to show."""
    torch.manual_seed(0)
    model = t.AutoModelForCausalLM.from_config(config)
    for p in model.parameters():
        p.data.normal_(0, scale)
    return model.eval()


def adapted(**options: Any) -> Any:
    """A tied Llama with an adapter on its head whose every weight is away from its initial value."""
    options = {"r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "lm_head"], **options}
    model = get_peft_model(build(FAMILIES["llama"]), LoraConfig(task_type="CAUSAL_LM", **options))
    for name, p in model.named_parameters():
        if p.requires_grad:
            p.data += 0.1 * torch.randn(p.shape, generator=torch.Generator().manual_seed(len(name)))
    return model.eval()


@pytest.mark.parametrize("name", FAMILIES)
def test_it_gives_the_model_s_own_logits(name):
    model = build(FAMILIES[name])
    assert probe(model) < 1e-4
    assert Head.of(model).vocab == VOCAB


def test_scalings_and_caps_are_read_from_the_config():
    assert Head.of(build(FAMILIES["granite divided"])).scale == pytest.approx(1 / 6)
    assert Head.of(build(FAMILIES["cohere multiplied"])).scale == 0.25
    assert Head.of(build(FAMILIES["gemma2 soft cap"])).cap == 3.0
    assert Head.of(build(FAMILIES["phi bias"])).bias is not None


def test_a_scaling_nobody_knows_is_refused():
    """Without the probe the student would be trained on logits it does not have."""

    class Odd(t.LlamaForCausalLM):
        def forward(self, *args: Any, **kw: Any) -> Any:
            out = super().forward(*args, **kw)
            out.logits = out.logits * 1.5
            return out

    with pytest.raises(ModelRejected, match="Odd differ by"):
        probe(Odd(FAMILIES["llama"]))


def test_the_probe_leaves_the_mode_of_the_model_alone():
    model = build(FAMILIES["llama"]).train()
    probe(model)
    assert model.training


HEAD_ADAPTERS = {
    "lora": {},
    "rslora": {"use_rslora": True},
    "dora": {"use_dora": True},
    "full copy": {"target_modules": ["q_proj"], "modules_to_save": ["lm_head"]},
    "no head": {"target_modules": ["q_proj"]},
}


@pytest.mark.parametrize("name", HEAD_ADAPTERS)
def test_an_adapter_on_the_head_is_seen(name):
    assert probe(adapted(**HEAD_ADAPTERS[name])) < 1e-4


@pytest.mark.parametrize("name", HEAD_ADAPTERS)
def test_its_gradients_equal_those_through_peft(name):
    """Every adapter weight gets the gradient that autograd gives through peft's own layers and dense logits."""
    ids = torch.randint(3, VOCAB, (2, 9), generator=torch.Generator().manual_seed(1))
    theirs, ours = adapted(**HEAD_ADAPTERS[name]), adapted(**HEAD_ADAPTERS[name])
    logits = theirs(input_ids=ids).logits[:, :-1].flatten(0, 1)
    loss = torch.nn.functional.cross_entropy(logits, ids[:, 1:].flatten())
    loss.backward()
    hidden = backbone(ours)(input_ids=ids)[0][:, :-1].flatten(0, 1)
    labels = ids[:, 1:].flatten()
    weights = torch.full((len(labels),), 1 / len(labels))
    out = head_pass(hidden, Head.of(ours), [Objective(CrossEntropy())], [weights], labels, chunk=5)
    out.loss.backward()
    assert torch.isclose(out.loss, loss, atol=1e-5)
    a, b = gradients(theirs), gradients(ours)
    assert a.keys() == b.keys() and len(a) >= 2
    for key in a:
        assert torch.allclose(a[key], b[key], atol=1e-5), key


def gradients(model: Any) -> dict[str, Tensor]:
    return {name: p.grad for name, p in model.named_parameters() if p.requires_grad and p.grad is not None}


def test_the_low_rank_part_is_never_multiplied_out():
    """[V, H] of gradient would be the largest tensor of the step; A and B alone carry it."""
    head = Head.of(adapted())
    assert head.low_rank is not None and not head.weight.requires_grad


def test_a_switched_off_adapter_is_the_base():
    model = adapted()
    hidden = torch.randn(3, 16)
    with_adapter = Head.of(model).logits(hidden)
    with model.disable_adapter():
        assert torch.equal(Head.of(model).logits(hidden), Head.of(model.get_base_model()).logits(hidden))
        off = Head.of(model).logits(hidden)
    assert (with_adapter - off).abs().max() > 1e-3


def test_a_merged_adapter_is_counted_once():
    model = adapted()
    before = probe(model)
    model.merge_adapter()
    assert before < 1e-4 and probe(model) < 1e-4 and Head.of(model).low_rank is None


def test_dropout_on_the_head_s_adapter_is_applied_in_training_only():
    model = adapted(lora_dropout=0.5)
    hidden = torch.randn(3, 16)
    assert torch.equal(Head.of(model).logits(hidden), Head.of(model).logits(hidden))
    model.train()
    assert not torch.equal(Head.of(model).logits(hidden), Head.of(model).logits(hidden))


def test_a_head_that_is_no_linear_layer_is_refused():
    model = build(FAMILIES["llama"])
    model.lm_head = torch.nn.Sequential(torch.nn.Linear(16, VOCAB))
    with pytest.raises(ModelRejected, match="not a plain linear layer"):
        Head.of(model)


def test_a_shared_vocabulary_larger_than_the_head_is_refused():
    with pytest.raises(ValueError, match="vocab is 100, but the head has 99 rows"):
        Head.of(build(FAMILIES["llama"]), vocab=100)
