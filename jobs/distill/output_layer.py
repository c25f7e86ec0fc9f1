"""The output layer of a causal LM as the head pass needs it: weight, bias, scaling, soft cap, LoRA kept apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .errors import ModelRejected
from .objectives.scratch import Scratch
from .products import product, wide
from .two_parts import TwoParts
from .weights import backbone

PROBE_TOKENS = 7
PROBE_LIMIT = 1e-3


@dataclass(frozen=True)
class LowRank:
    """LoRA on the head, kept apart: logits += scaling * (h A^T) B^T. A [r, H], B [R, r]."""

    down: Tensor
    up: Tensor
    scaling: float
    dropout: Callable[[Tensor], Tensor] | None = None

    def inner(self, hidden: Tensor) -> Tensor:
        """scaling * dropout(h) A^T, [N, r]."""
        h = hidden.to(self.down.dtype)
        return F.linear(self.dropout(h) if self.dropout else h, self.down) * self.scaling


@dataclass(frozen=True)
class Head:
    """z = cap * tanh(scale * (h W^T + b) / cap); without a cap the tanh is the identity."""

    weight: Tensor
    bias: Tensor | None = None
    scale: float = 1.0
    cap: float | None = None
    vocab: int = 0
    low_rank: LowRank | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.vocab <= self.weight.shape[0]:
            raise ValueError(f"vocab is {self.vocab}, but the head has {self.weight.shape[0]} rows")
        if self.vocab == 0:
            object.__setattr__(self, "vocab", self.weight.shape[0])

    @classmethod
    def of(cls, model: nn.Module, vocab: int | None = None) -> Head:
        """The head of a transformers causal LM, bare or wrapped by peft. `vocab`: ids both models share.

        Built anew for every step: with a trained head its tensors carry the graph. Raises ModelRejected when the
        output layer is none the pass knows.
        """
        causal = unwrap(model)
        config = causal.config.get_text_config()
        scale, cap = _scaling(config), _softcap(config)
        weight, bias, low_rank = _weights(causal)
        if (more := getattr(causal, "final_logits_bias", None)) is not None:  # BART: a row added to the logits
            bias = more[0] if bias is None else bias + more[0]
        return cls(weight, bias, scale, cap, vocab or min(config.vocab_size, weight.shape[0]), low_rank)

    def logits(self, hidden: Tensor, vocab: int | None = None, scratch: Scratch | None = None) -> Tensor:
        """[n, H] -> [n, V] in float32 (float64 stays)."""
        inner = None if self.low_rank is None else self.low_rank.inner(hidden)
        return self.project(hidden, inner, vocab, scratch)

    def project(
        self, hidden: Tensor, inner: Tensor | None = None, vocab: int | None = None, scratch: Scratch | None = None
    ) -> Tensor:
        """`logits` with the low-rank activation [n, r] already at hand. With `scratch` no graph is made."""
        V = vocab or self.vocab
        if scratch is not None:
            return self._project_into(scratch, hidden.to(self.weight.dtype), inner, V)
        z = wide(F.linear(hidden.to(self.weight.dtype), self.weight[:V], None if self.bias is None else self.bias[:V]))
        if self.low_rank is not None and inner is not None:
            z = z + F.linear(inner, self.low_rank.up[:V])
        if self.scale != 1:
            z = z * self.scale
        return z if self.cap is None else torch.tanh(z / self.cap) * self.cap

    def _project_into(self, scratch: Scratch, hidden: Tensor, inner: Tensor | None, V: int) -> Tensor:
        out = product(hidden, self.weight[:V], scratch)
        if self.bias is not None:
            out.add_(self.bias[:V])
        if self.low_rank is not None and inner is not None:
            out.add_(inner @ self.low_rank.up[:V].t())
        if self.scale != 1:
            out.mul_(self.scale)
        return out if self.cap is None else out.div_(self.cap).tanh_().mul_(self.cap)

    def backward(self, z: Tensor, dz: Tensor) -> Tensor:
        """Derivative by the projection from the derivative by the logits; works in place on dz."""
        if self.cap is not None:
            dz.mul_(1 - (z / self.cap) ** 2)
        return dz.mul_(self.scale) if self.scale != 1 else dz


def unwrap(model: nn.Module) -> Any:
    """The transformers causal LM inside; peft's layers stay where they are."""
    inner = getattr(model, "get_base_model", None)
    return inner() if callable(inner) else model


def _scaling(config: Any) -> float:
    """Families that multiply the logits (Cohere, Falcon-H1, HyperCLOVA X) or divide them (Granite, MiniCPM)."""
    scale = 1.0
    for name in ("output_multiplier", "lm_head_multiplier", "logit_scale"):
        scale *= getattr(config, name, None) or 1.0
    scaling = getattr(config, "logits_scaling", None) or 1.0
    if _scales_states(config):
        scale *= config.d_model**-0.5
    return scale * scaling if config.model_type.startswith("hyperclovax") else scale / scaling


def _scales_states(config: Any) -> bool:
    """T5 with the embedding as its output layer scales the decoder's states by width^-0.5; as transformers does it, which
    for umT5 goes by the config and not by the files."""
    if config.model_type == "umt5":
        return bool(config.tie_word_embeddings)
    return config.model_type == "t5" and bool(config.scale_decoder_outputs)


def _softcap(config: Any) -> float | None:
    for name in ("final_logit_softcapping", "logits_soft_cap", "output_logit_soft_cap"):
        if (cap := getattr(config, name, None)) is not None:
            return float(cap)
    return 15.0 if config.model_type == "nanochat" else None


def _weights(causal: Any) -> tuple[Tensor, Tensor | None, LowRank | None]:
    """Weight, bias and low-rank part of the output layer: a plain linear, peft's full copy, or LoRA on it."""
    layer = causal.get_output_embeddings()
    if hasattr(layer, "modules_to_save"):
        active = [] if layer.disable_adapters else [n for n in layer.active_adapters if n in layer.modules_to_save]
        layer = layer.modules_to_save[active[0]] if active else layer.original_module
    base = layer.get_base_layer() if hasattr(layer, "get_base_layer") else layer
    weight = getattr(base, "weight", None)
    if weight is None or weight.ndim != 2 or not weight.is_floating_point():
        raise ModelRejected(
            f"The output layer of this model ({type(base).__name__}) is not a plain linear layer.",
            hint="Load the model without quantising lm_head.",
        )
    bias = getattr(base, "bias", None)
    active = [] if base is layer or layer.disable_adapters or layer.merged else _lora_names(layer)
    if not active:
        return weight, bias, None
    if len(active) == 1 and not getattr(layer, "use_dora", {}).get(active[0]):
        return weight, bias, _low_rank(layer, active[0])
    return _effective(layer, weight, active), bias, None


def _lora_names(layer: Any) -> list[str]:
    if not hasattr(layer, "lora_A"):
        raise ModelRejected(
            f"The adapter on the output layer ({type(layer).__name__}) is none this engine can train through.",
            hint="Use LoRA, or leave lm_head out of the adapter's target layers.",
        )
    return [name for name in layer.active_adapters if name in layer.lora_A]


def _low_rank(layer: Any, name: str) -> LowRank:
    dropout = layer.lora_dropout[name]
    used = None if isinstance(dropout, nn.Identity) else dropout
    return LowRank(layer.lora_A[name].weight, layer.lora_B[name].weight, float(layer.scaling[name]), used)


def _effective(layer: Any, weight: Tensor, names: list[str]) -> Tensor:
    """W + sum of scaling * B A, rescaled row by row where DoRA asks for it (its norm is a constant, arXiv:2402.09353)."""
    for name in names:
        delta = layer.scaling[name] * (layer.lora_B[name].weight @ layer.lora_A[name].weight)
        weight = weight + delta.to(weight.dtype)
        if getattr(layer, "use_dora", {}).get(name):
            norm = torch.linalg.norm(weight.detach(), dim=1)
            weight = (layer.lora_magnitude_vector[name].weight / norm)[:, None] * weight
    return weight


@torch.no_grad()
def probe(model: nn.Module, head: Head | None = None) -> float:
    """Compares the pass's logits with the model's own on a few tokens; returns the largest difference.

    Raises ModelRejected above 1e-3 of the logits' size: the family scales its logits in a way the pass does not know.
    """
    head = head or Head.of(model)
    was_training = model.training
    model.eval()
    try:
        ids = torch.arange(1, PROBE_TOKENS + 1, device=head.weight.device)[None] % head.vocab
        parts, asked = backbone(model), {"input_ids": ids}
        if isinstance(parts, TwoParts):
            asked = {"input_ids": ids, "decoder_input_ids": ids.flip(1)}
            hidden = parts.write(ids.flip(1), parts.read(ids, torch.ones_like(ids)), torch.ones_like(ids))[0][0]
        else:
            hidden = parts(input_ids=ids)[0][0]
        ours = head.logits(hidden)
        theirs = model(**asked).logits[0, :, : head.vocab].to(ours.dtype)
    finally:
        model.train(was_training)
    gap = (ours - theirs).abs().max().item()
    coarse = {torch.bfloat16: 2**-6, torch.float16: 2**-9}.get(head.weight.dtype, 0.0)
    allowed = max(PROBE_LIMIT, coarse) * max(1.0, theirs.abs().max().item())
    if not gap <= allowed:
        raise ModelRejected(
            f"The logits of {type(unwrap(model)).__name__} differ by {gap:.2g} from hidden states times output layer"
            f" (allowed: {allowed:.2g}).",
            hint="This model family scales its output in a way the workbench does not know yet; choose another student.",
        )
    return gap
