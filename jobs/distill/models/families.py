"""The architectures the engine can distil, as data: how their config names things and what their layers are made of.

Each is proved by a tiny random model that is inspected, loaded and checked tensor by tensor in the tests. Adding one:
a row here, a config in tests/jobs/distill/models/tiny.py, and the head probe of the engine must pass.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Kind = Literal[
    "causal", "encoder-decoder", "encoder"
]  # one stack that writes; one that reads and one that writes; one that reads
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
BERT_KEYS = {k: v for k, v in LLAMA_KEYS.items() if k != "kv_heads"}
DISTILBERT_KEYS = BERT_KEYS | {"hidden": "dim", "layers": "n_layers", "heads": "n_heads", "intermediate": "hidden_dim"}
BERT_LINEARS = ("query", "key", "value", "dense")
GPT2_KEYS = {
    "hidden": "n_embd",
    "layers": "n_layer",
    "heads": "n_head",
    "intermediate": "n_inner",
    "context": "n_positions",
    "vocab": "vocab_size",
}
T5_KEYS = {
    "hidden": "d_model",
    "layers": "num_decoder_layers",
    "encoder_layers": "num_layers",
    "heads": "num_heads",
    "intermediate": "d_ff",
    "context": "n_positions",
    "vocab": "vocab_size",
}
BART_KEYS = {
    "hidden": "d_model",
    "layers": "decoder_layers",
    "encoder_layers": "encoder_layers",
    "heads": "decoder_attention_heads",
    "intermediate": "decoder_ffn_dim",
    "context": "max_position_embeddings",
    "vocab": "vocab_size",
}
T5_CONTEXT = 512  # positions are relative: nothing ends there, but T5 was trained on as many
EMBEDDING_COPIES = ("encoder.embed_tokens.weight", "decoder.embed_tokens.weight")  # of the shared one, in old files


@dataclass(frozen=True)
class Family:
    """One model_type of transformers. Of an encoder-decoder `layer` is the decoder's, `encoder_layer` the encoder's."""

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
    offset: int = 0  # positions of the position table that no token ever has
    uneven: tuple[str, ...] = ()  # tensors that not every layer has
    kind: Kind = "causal"
    encoder_layer: str = ""
    feed_forward: str = ""  # T5: what feed_forward_proj is when config.json is silent; "gated-..." has wi_0 and wi_1
    context: int | None = None  # when config.json is silent
    head_by_file: bool = False  # the output layer is the embedding unless the files hold one, whatever config.json says


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
    "bert": Family(
        "BERT",
        "BertModel",
        BERT_LINEARS,
        "bert.encoder.layer.",
        "bert.embeddings.word_embeddings.weight",
        BERT_KEYS,
        prefix="bert.",
        buffers=("embeddings.position_ids",),
        kind="encoder",
    ),
    "deberta-v2": Family(
        "DeBERTa v2, v3",
        "DebertaV2Model",
        ("query_proj", "key_proj", "value_proj", "dense"),
        "deberta.encoder.layer.",
        "deberta.embeddings.word_embeddings.weight",
        BERT_KEYS,
        prefix="deberta.",
        buffers=("embeddings.position_ids",),
        attention="eager",
        kind="encoder",
    ),
    "roberta": Family(
        "RoBERTa",
        "RobertaModel",
        BERT_LINEARS,
        "roberta.encoder.layer.",
        "roberta.embeddings.word_embeddings.weight",
        BERT_KEYS,
        prefix="roberta.",
        buffers=("embeddings.position_ids",),
        kind="encoder",
        offset=2,
    ),
    "distilbert": Family(
        "DistilBERT",
        "DistilBertModel",
        ("q_lin", "k_lin", "v_lin", "out_lin", "lin1", "lin2"),
        "distilbert.transformer.layer.",
        "distilbert.embeddings.word_embeddings.weight",
        DISTILBERT_KEYS,
        prefix="distilbert.",
        kind="encoder",
    ),
    "modernbert": Family(
        "ModernBERT",
        "ModernBertModel",
        ("Wqkv", "Wo", "Wi"),
        "model.layers.",
        "model.embeddings.tok_embeddings.weight",
        BERT_KEYS,
        prefix="model.",
        kind="encoder",
        uneven=("attn_norm.weight",),
    ),
}
FAMILIES |= {
    name: Family(
        title,
        architecture,
        ("q", "k", "v", "o", "wi", "wo"),
        "decoder.block.",
        "shared.weight",
        T5_KEYS,
        head_by_file=True,
        buffers=(*EMBEDDING_COPIES, "EncDecAttention.relative_attention_bias.weight"),
        kind="encoder-decoder",
        encoder_layer="encoder.block.",
        feed_forward=feed_forward,
        uneven=() if name == "umt5" else ("layer.0.SelfAttention.relative_attention_bias.weight",),
        context=T5_CONTEXT,
    )
    for name, title, architecture, feed_forward in (
        ("t5", "T5, Flan-T5", "T5ForConditionalGeneration", "relu"),
        ("mt5", "mT5", "MT5ForConditionalGeneration", "gated-gelu"),
        ("umt5", "umT5", "UMT5ForConditionalGeneration", "gated-gelu"),
    )
}
FAMILIES["bart"] = Family(
    "BART",
    "BartForConditionalGeneration",
    ("q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"),
    "model.decoder.layers.",
    "model.shared.weight",
    BART_KEYS,
    tied=True,
    prefix="model.",
    buffers=(*EMBEDDING_COPIES, "final_logits_bias"),
    kind="encoder-decoder",
    encoder_layer="model.encoder.layers.",
)


def titles() -> str:
    """The supported families in words, for messages and help."""
    return ", ".join(f.title for f in FAMILIES.values())
