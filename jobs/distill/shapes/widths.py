"""Which channels stay, and cutting every matrix that is linked to them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from ..models.families import Family
from ..plan.shape import Size


@dataclass(frozen=True)
class Inside:
    """Where things are inside a model of the families whose width can be cut."""

    layers: nn.ModuleList
    norms: list[nn.Module]  # those that read the residual stream
    embedding: nn.Module
    size: Size
    head_dim: int

    @classmethod
    def of(cls, model: Any, layers: nn.ModuleList, size: Size) -> Inside:
        out: Any = layers[0].get_submodule("self_attn.o_proj")
        head_dim = out.weight.shape[1] // size.heads
        norms = [layer.get_submodule(name) for layer in layers for name in ("input_layernorm", _second_norm(layer))]
        return cls(layers, [*norms, model.base_model.norm], model.get_input_embeddings(), size, int(head_dim))

    def out(self, layer: int) -> Any:
        """The projection that reads the heads' outputs, [heads * head_dim] -> [hidden]."""
        return self.layers[layer].get_submodule("self_attn.o_proj")

    def down(self, layer: int) -> Any:
        """The projection that reads the MLP's channels."""
        return self.layers[layer].get_submodule("mlp.down_proj")


def _second_norm(layer: nn.Module) -> str:
    """The norm before the MLP: Gemma 2 and 3 put one more after the attention."""
    return "pre_feedforward_layernorm" if hasattr(layer, "pre_feedforward_layernorm") else "post_attention_layernorm"


@dataclass(frozen=True)
class Scores:
    """hidden [H]; heads [layers, heads]; mlp [layers, inner]; layers [layers]: larger is kept. All float64."""

    hidden: Tensor
    heads: Tensor
    mlp: Tensor
    layers: Tensor


@dataclass(frozen=True)
class Keep:
    """Old numbers of what stays, each list rising. heads, kv_heads and mlp hold a list for every old layer."""

    hidden: list[int]
    heads: list[list[int]]
    kv_heads: list[list[int]]
    mlp: list[list[int]]
    layers: list[int] = field(default_factory=list)


def best(scores: Tensor, count: int) -> list[int]:
    """The `count` largest, in their own order; of equal ones the first."""
    order = sorted(range(len(scores)), key=lambda i: (-float(scores[i]), i))
    return sorted(order[:count])


def choose(scores: Scores, size: Size, want: Size) -> Keep:
    """The best of each kind. Query heads share key and value heads: whole groups stay or go, and every group that stays
    keeps equally many of its query heads."""
    pairs = [_heads(row, size, want) for row in scores.heads]
    return Keep(
        best(scores.hidden, want.hidden),
        [heads for heads, _ in pairs],
        [groups for _, groups in pairs],
        [best(row, want.intermediate) for row in scores.mlp],
        best(scores.layers, want.layers),
    )


def _heads(scores: Tensor, size: Size, want: Size) -> tuple[list[int], list[int]]:
    """(query heads, key-value heads) of one layer."""
    group, each = size.heads // size.kv_heads, want.heads // want.kv_heads
    by_group = scores.view(size.kv_heads, group)
    strength = by_group.topk(each, dim=1).values.sum(1)
    groups = best(strength, want.kv_heads)
    return [g * group + i for g in groups for i in best(by_group[g], each)], groups


def cut(tensors: dict[str, Tensor], family: Family, keep: Keep, head_dim: int) -> dict[str, Tensor]:
    """Every tensor with only the channels that stay. Layers keep their old numbers."""
    pattern = re.compile(re.escape(family.layer) + r"(\d+)\.(.+)")
    hidden = torch.tensor(keep.hidden)
    out = {}
    for name, tensor in tensors.items():
        if m := pattern.fullmatch(name):
            layer = int(m[1])
            sides = _sides(m[2], hidden, keep, layer, head_dim)
        else:
            sides = (None, hidden) if tensor.ndim == 2 else (hidden,)  # embedding, output layer; last norm
            if name == "lm_head.bias":
                sides = (None,)
        out[name] = _picked(tensor, sides)
    return out


def _sides(name: str, hidden: Tensor, keep: Keep, layer: int, head_dim: int) -> Sequence[Tensor | None]:
    """Rows and columns that stay of a layer's tensor; None: all of them."""
    part, kind = name.rsplit(".", 2)[-2:]
    queries, keys = (_spread(ids[layer], head_dim) for ids in (keep.heads, keep.kv_heads))
    inner = torch.tensor(keep.mlp[layer])
    rows, columns = {
        "q_proj": (queries, hidden),
        "k_proj": (keys, hidden),
        "v_proj": (keys, hidden),
        "o_proj": (hidden, queries),
        "gate_proj": (inner, hidden),
        "up_proj": (inner, hidden),
        "down_proj": (hidden, inner),
        "q_norm": (None, None),  # over one head's own dimensions
        "k_norm": (None, None),
    }.get(part, (hidden, None))  # norms over the residual stream
    return (rows, columns) if kind == "weight" and part.endswith("_proj") else (rows,)


def _spread(heads: Sequence[int], head_dim: int) -> Tensor:
    return (torch.tensor(heads)[:, None] * head_dim + torch.arange(head_dim)).flatten()


def _picked(tensor: Tensor, sides: Sequence[Tensor | None]) -> Tensor:
    for dim, ids in enumerate(sides):
        if ids is not None and len(ids) < tensor.shape[dim]:
            tensor = tensor.index_select(dim, ids.to(tensor.device))
    return tensor


def config_of_width(config: dict[str, Any], family: Family, want: Size, head_dim: int) -> dict[str, Any]:
    """What config.json says differently. The size of a head stays and is stated: it no longer follows from width and heads."""
    names = {"hidden": want.hidden, "heads": want.heads, "kv_heads": want.kv_heads, "intermediate": want.intermediate}
    changes: dict[str, Any] = {family.keys[name]: value for name, value in names.items()}
    return {**changes, "head_dim": head_dim}
