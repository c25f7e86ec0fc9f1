"""Keeps what passes through chosen blocks of a backbone during one forward, by hooks; nothing of the model is changed."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from .batches import Micro
from .errors import PlanRefused
from .objectives.states import ModelShape
from .two_parts import TwoParts

PROJECTIONS = {"q": ("q_proj", "query"), "k": ("k_proj", "key"), "v": ("v_proj", "value")}


def blocks(backbone: nn.Module) -> nn.ModuleList:
    """The transformer blocks: the longest list of modules in the backbone, of an encoder-decoder's decoder."""
    inside = backbone.decoder if isinstance(backbone, TwoParts) else backbone
    lists = [m for m in inside.modules() if isinstance(m, nn.ModuleList)]
    if not lists:
        raise PlanRefused("This model has no list of blocks, so its layers cannot be read.", field="student.model")
    return max(lists, key=len)


def shape_of(model: Any, backbone: nn.Module) -> ModelShape:
    """Sizes read off the model itself."""
    config = model.config.get_text_config()
    return ModelShape(len(blocks(backbone)), config.hidden_size, config.num_attention_heads, config.vocab_size)


@contextmanager
def capture(backbone: nn.Module, names: Collection[str]) -> Iterator[dict[str, torch.Tensor]]:
    """The dict fills during a forward inside the block: name -> [rows, length, width]. Raises PlanRefused for a name the model lacks."""
    kept: dict[str, torch.Tensor] = {}
    handles = []
    try:
        for name in sorted(names):
            module, before = _module(backbone, name)
            handles.append(_hook(module, before, name, kept))
        yield kept
    finally:
        for handle in handles:
            handle.remove()


def gathered(name: str, tensor: torch.Tensor, micro: Micro) -> torch.Tensor:
    """Layers at the supervised positions, [N, H], projections whole; an ordinary tensor even when made in inference mode."""
    if not name.startswith("layer."):
        return tensor.clone() if tensor.is_inference() else tensor
    return tensor.flatten(0, 1).index_select(0, micro.places)


def _hook(module: nn.Module, before: bool, name: str, kept: dict[str, torch.Tensor]) -> Any:
    if before:

        def keep_input(_: nn.Module, given: tuple[Any, ...], named: dict[str, Any]) -> None:
            kept[name] = given[0] if given else named["hidden_states"]

        return module.register_forward_pre_hook(keep_input, with_kwargs=True)

    def keep_output(_: nn.Module, given: tuple[Any, ...], out: Any) -> None:
        kept[name] = out[0] if isinstance(out, tuple) else out

    return module.register_forward_hook(keep_output)


def _module(backbone: nn.Module, name: str) -> tuple[nn.Module, bool]:
    """The module to watch and whether its input is meant: layer.0 is what enters the first block."""
    what, _, number = name.partition(".")
    layers, index = blocks(backbone), int(number)
    if not 0 <= index <= len(layers) or (what != "layer" and index == 0):
        raise PlanRefused(
            f"There is no layer {index}; this model has {len(layers)}.", field="terms", hint="Choose layers it has."
        )
    block = layers[max(0, index - 1)]
    if what == "layer":
        return block, index == 0
    for leaf, module in block.named_modules():
        if leaf.rsplit(".", 1)[-1] in PROJECTIONS[what]:
            return module, False
    raise PlanRefused(
        f"The attention of this model has no separate {what} projection, so its relations cannot be read.",
        field="terms",
        hint="Use a term over hidden states instead.",
    )
