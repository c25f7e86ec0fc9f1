"""The architectures the engine can distil, as data: how their config names things and what their layers are made of.

Each is proved by a tiny random model that is inspected, loaded and checked tensor by tensor in the tests. Adding one:
a row here, a config in tests/jobs/distill/models/tiny.py, and the head probe of the engine must pass.
"""

from __future__ import annotations

from dataclasses import dataclass, field

LLAMA_LINEARS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
LLAMA_KEYS = {
    "hidden": "hidden_size",
    "layers": "num_hidden_layers",
    "heads": "num_attention_heads",
    "kv_heads": "num_key_value_heads",
    "intermediate": "intermediate_size",
    "context": "max_position_embeddings",
    "vocab": "vocab_size",
}
GPT2_KEYS = {
    "hidden": "n_embd",
    "layers": "n_layer",
    "heads": "n_head",
    "intermediate": "n_inner",
    "context": "n_positions",
    "vocab": "vocab_size",
}


@dataclass(frozen=True)
class Family:
    """One model_type of transformers."""

    title: str
    architecture: str
    linears: tuple[str, ...] = LLAMA_LINEARS
    layer: str = "model.layers."
    embedding: str = "model.embed_tokens.weight"
    keys: dict[str, str] = field(default_factory=lambda: LLAMA_KEYS)
    tied: bool = False  # transformers' default when config.json is silent
    transposed: bool = False  # GPT-2 stores [inputs, outputs]
    prefix: str = ""  # what files of this family leave out when they were saved without the head
    buffers: tuple[str, ...] = ("rotary_emb.inv_freq",)  # saved by old versions, not weights
    attention: str = "sdpa"  # eager where attention scores are soft-capped, which SDPA cannot do


FAMILIES: dict[str, Family] = {
    "llama": Family("Llama, SmolLM, TinyLlama", "LlamaForCausalLM"),
    "mistral": Family("Mistral", "MistralForCausalLM"),
    "qwen2": Family("Qwen2, Qwen2.5", "Qwen2ForCausalLM"),
    "qwen3": Family("Qwen3", "Qwen3ForCausalLM"),
    "gemma": Family("Gemma", "GemmaForCausalLM", tied=True),
    "gemma2": Family("Gemma 2", "Gemma2ForCausalLM", tied=True, attention="eager"),
    "gemma3_text": Family("Gemma 3 (text)", "Gemma3ForCausalLM", tied=True),
    "phi": Family("Phi-1, Phi-2", "PhiForCausalLM", ("q_proj", "k_proj", "v_proj", "dense", "fc1", "fc2")),
    "phi3": Family("Phi-3, Phi-4", "Phi3ForCausalLM", ("qkv_proj", "o_proj", "gate_up_proj", "down_proj")),
    "smollm3": Family("SmolLM3", "SmolLM3ForCausalLM", tied=True),
    "gpt2": Family(
        "GPT-2",
        "GPT2LMHeadModel",
        ("c_attn", "c_proj", "c_fc"),
        "transformer.h.",
        "transformer.wte.weight",
        GPT2_KEYS,
        True,
        True,
        "transformer.",
        (".attn.bias", ".attn.masked_bias"),
    ),
    "opt": Family(
        "OPT",
        "OPTForCausalLM",
        ("q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"),
        "model.decoder.layers.",
        "model.decoder.embed_tokens.weight",
        LLAMA_KEYS | {"intermediate": "ffn_dim"},
        True,
        False,
        "model.",
    ),
}


def titles() -> str:
    """The supported families in words, for messages and help."""
    return ", ".join(f.title for f in FAMILIES.values())
