"""Ways to compute a LoRA layer that peft does not have; each is folded into plain LoRA when the adapter is saved.

Shifted: first values that are not zero (PiSSA, OLoRA, CorDA, LoRA-GA). Those methods take the first product out of the
base weight. Here the base stays whole and the first product is subtracted instead, W x + s (B A - B0 A0) x, which is the
same function; with the adapter off the model is the untouched base, bit for bit, and the saved adapter of rank 2r,
[B, -B0] [A; A0], belongs to the original base.
Mixed: MoSLoRA, Wu et al. 2024, arXiv:2406.11909: s B M A with a trained mixer M [r, r].
Singular: CLOVER, Meng et al. 2024: s U diag(s'/s - 1) (U^T W_O), block by block of the attention heads.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

NAME = "default"
FOLDED = ("lora_mixer", "lora_singular")  # trained beside A and B, gone after folding


class _Own:
    """Stands where peft looks for a variant of its own; peft cannot merge it, so it is folded first."""

    def supports_lora_conversion(self) -> bool:
        return False


class Shifted(_Own):
    def __init__(self, down: Tensor, up: Tensor) -> None:
        self.down, self.up = down, up  # A0 [r, inputs], B0 [outputs, r]

    def forward(self, module: Any, active_adapter: str, x: Tensor, result: Tensor, **_: Any) -> Tensor:
        dropped = module.lora_dropout[active_adapter](x)
        now = module.lora_B[active_adapter](module.lora_A[active_adapter](dropped))
        first = nn.functional.linear(nn.functional.linear(dropped, self.down), self.up)
        return result + (now - first) * module.scaling[active_adapter]

    def factors(self, module: Any) -> tuple[Tensor, Tensor]:
        """(A, B) of the plain LoRA layer that computes the same."""
        down, up = module.lora_A[NAME].weight, module.lora_B[NAME].weight
        return torch.cat([down, self.down]), torch.cat([up, -self.up], 1)


class Mixed(_Own):
    def forward(self, module: Any, active_adapter: str, x: Tensor, result: Tensor, **_: Any) -> Tensor:
        inner = module.lora_A[active_adapter](module.lora_dropout[active_adapter](x))
        mixed = nn.functional.linear(inner, module.lora_mixer[active_adapter])
        return result + module.lora_B[active_adapter](mixed) * module.scaling[active_adapter]

    def factors(self, module: Any) -> tuple[Tensor, Tensor]:
        return module.lora_mixer[NAME] @ module.lora_A[NAME].weight, module.lora_B[NAME].weight


class Singular(_Own):
    def __init__(self, values: Tensor) -> None:
        self.values = values  # singular values of the base, [heads * head width]

    def gains(self, module: Any) -> Tensor:
        """s'/s - 1: what is added to each direction, 0 before training. A direction of length 0 stays at 0."""
        safe = torch.where(self.values > 0, self.values, 1)
        return (module.lora_singular[NAME] - self.values) / safe

    def forward(self, module: Any, active_adapter: str, x: Tensor, result: Tensor, **_: Any) -> Tensor:
        inner = module.lora_A[active_adapter](x) * self.gains(module)
        return result + module.lora_B[active_adapter](inner) * module.scaling[active_adapter]

    def factors(self, module: Any) -> tuple[Tensor, Tensor]:
        return module.lora_A[NAME].weight, module.lora_B[NAME].weight * self.gains(module)


def layers(model: nn.Module) -> dict[str, Any]:
    """Name -> LoRA layer, in the model's order. AdaLoRA's factors are bare tensors: nothing of it is folded."""
    found = {n: m for n, m in model.named_modules() if isinstance(getattr(m, "lora_A", None), nn.ModuleDict)}
    return {n: m for n, m in found.items() if NAME in m.lora_A}


def add_mixer(layer: Any) -> None:
    """A square matrix between the factors, with peft's own first values for a matrix of its kind (Kaiming, as published)."""
    rank = layer.r[NAME]
    mixer = torch.empty(rank, rank, dtype=layer.lora_A[NAME].weight.dtype, device=layer.lora_A[NAME].weight.device)
    nn.init.kaiming_uniform_(mixer, a=5**0.5)
    layer.lora_mixer = nn.ParameterDict({NAME: nn.Parameter(mixer)})
    layer.lora_variant[NAME] = Mixed()


def plain(model: nn.Module) -> dict[str, tuple[Tensor, Tensor]] | None:
    """Layer name -> (A, B) where any layer needs folding; None when peft's own tensors say everything."""
    found = layers(model)
    if not any(isinstance(m.lora_variant.get(NAME), _Own) or _widened(m) for m in found.values()):
        return None
    return {name: _factors(layer) for name, layer in found.items()}


def _widened(layer: Any) -> bool:
    """Whether a merged adapter left the layer with another rank than it was made with; its scale stays."""
    return len(layer.lora_A[NAME].weight) != layer.r[NAME]


def _factors(layer: Any) -> tuple[Tensor, Tensor]:
    variant = layer.lora_variant.get(NAME)
    if isinstance(variant, (Shifted, Mixed, Singular)):
        return variant.factors(layer)
    return layer.lora_A[NAME].weight, layer.lora_B[NAME].weight


def refold(
    model: nn.Module, tensors: dict[str, Tensor], config: dict[str, Any]
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """peft's tensors and configuration as a plain LoRA adapter that any peft loads on the original base."""
    tensors = {n: t for n, t in tensors.items() if "lora_velora" not in n and not any(f in n for f in FOLDED)}
    if config.get("velora_config"):
        config = {**config, "velora_config": None}
    folded = plain(model)
    if folded is None:
        return tensors, config
    found, ranks = layers(model), {}
    for name, (down, up) in folded.items():
        tensors[f"{name}.lora_A.weight"], tensors[f"{name}.lora_B.weight"] = down, up
        ranks[name.removeprefix("base_model.model.")] = (len(down), len(down) * found[name].scaling[NAME])
    rank, alpha = max(ranks.values(), key=list(ranks.values()).count)
    others = {n: v for n, v in ranks.items() if v != (rank, alpha)}
    config |= {"r": rank, "lora_alpha": alpha, "use_rslora": False}
    config["rank_pattern"] = {n: r for n, (r, _) in others.items()}
    config["alpha_pattern"] = {n: a for n, (_, a) in others.items()}
    return tensors, config
