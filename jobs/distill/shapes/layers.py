"""Layers left out of a model: while it runs, and for good."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from ..models.families import Family

A_LAYER = ("layer_types", "no_rope_layers")  # lists of config.json with one entry a layer


def layers_of(model: Any, family: Family) -> nn.ModuleList:
    found = model.get_submodule(family.layer.rstrip("."))
    assert isinstance(found, nn.ModuleList)
    return found


@contextmanager
def without(layers: nn.ModuleList, left_out: Iterable[int]) -> Iterator[None]:
    """Inside the block these layers hand on what they are given. The others keep their number, and with it the kind of
    attention that their number decides in some families."""

    def skip(_: nn.Module, given: tuple[Any, ...], made: Any) -> Any:
        return (given[0], *made[1:]) if isinstance(made, tuple) else given[0]

    handles = [layers[i].register_forward_hook(skip) for i in left_out]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def take_layers(tensors: dict[str, Tensor], family: Family, kept: Sequence[int]) -> dict[str, Tensor]:
    """The tensors of a model that has only these layers, in this order, numbered anew."""
    pattern = re.compile(re.escape(family.layer) + r"(\d+)\.(.+)")
    out, inside = {}, dict[int, dict[str, Tensor]]()
    for name, tensor in tensors.items():
        if m := pattern.fullmatch(name):
            inside.setdefault(int(m[1]), {})[m[2]] = tensor
        else:
            out[name] = tensor
    for new, old in enumerate(kept):
        out |= {f"{family.layer}{new}.{rest}": tensor for rest, tensor in inside[old].items()}
    return out


def config_of_layers(config: dict[str, Any], family: Family, kept: Sequence[int]) -> dict[str, Any]:
    """What config.json says differently about a model of these layers."""
    changes: dict[str, Any] = {family.keys["layers"]: len(kept)}
    for name in A_LAYER:
        if isinstance(config.get(name), list):
            changes[name] = [config[name][i] for i in kept]
    if isinstance(config.get("max_window_layers"), int):
        changes["max_window_layers"] = sum(i < config["max_window_layers"] for i in kept)
    return changes
