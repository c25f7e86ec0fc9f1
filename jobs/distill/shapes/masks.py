"""Masks that are learned until the expected shape is the target (Sheared LLaMA): hard concrete gates, Lagrange multipliers.

Xia et al. 2023, arXiv:2310.06694; gates: Louizos et al. 2018, arXiv:1712.01312. The model's weights stand still.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..plan.shape import Size
from .calibration import Batch, loss, predicted
from .widths import Inside, Scores

if TYPE_CHECKING:
    from .base import Given

BETA, LOW, HIGH = 2 / 3, -0.1, 1.1  # temperature and stretch of the hard concrete distribution
START = 2.0  # log alpha: nearly every gate is open at first


class Gates(torch.nn.Module):
    """One log alpha a unit. Heads are gated by key-value groups and by the query heads inside them."""

    def __init__(self, size: Size, want: Size) -> None:
        super().__init__()
        group = size.heads // size.kv_heads
        self.size, self.want, self.group = size, want, group
        shapes = {
            "hidden": ((1, size.hidden), want.hidden),
            "kv_heads": ((size.layers, size.kv_heads), want.kv_heads),
            "queries": ((size.layers * size.kv_heads, group), want.heads // want.kv_heads),
            "intermediate": ((size.layers, size.intermediate), want.intermediate),
            "layers": ((1, size.layers), want.layers),
        }
        self.targets = {name: wanted for name, (shape, wanted) in shapes.items() if wanted < shape[1]}
        self.shapes = {name: shape for name, (shape, _) in shapes.items()}
        self.log_alpha = torch.nn.ParameterDict(
            {n: torch.nn.Parameter(torch.full(self.shapes[n], START)) for n in self.targets}
        )
        # A linear and a quadratic multiplier for every row of gates that must meet its target.
        self.multipliers = torch.nn.ParameterDict(
            {f"{n}_{k}": torch.nn.Parameter(torch.zeros(self.shapes[n][0])) for n in self.targets for k in ("a", "b")}
        )

    def sample(self, generator: torch.Generator) -> dict[str, Tensor]:
        """z = clamp(s (high - low) + low, 0, 1), s = sigmoid((log u / (1 - u) + log alpha) / beta); ones where nothing is cut."""
        out = {}
        for name, shape in self.shapes.items():
            if name not in self.targets:
                out[name] = torch.ones(shape)
                continue
            u = torch.rand(shape, generator=generator).clamp(1e-6, 1 - 1e-6)
            s = torch.sigmoid((torch.log(u) - torch.log1p(-u) + self.log_alpha[name]) / BETA)
            out[name] = (s * (HIGH - LOW) + LOW).clamp(0, 1)
        return out

    def expected(self, name: str) -> Tensor:
        """Expected number of open gates of each row: sum of P(z > 0)."""
        return torch.sigmoid(self.log_alpha[name] - BETA * math.log(-LOW / HIGH)).sum(1)

    def penalty(self, progress: float) -> Tensor:
        """a (s - t) + b (s - t)^2 in shares of the row, where t falls from everything to the target in the first quarter."""
        total = torch.zeros(())
        for name, wanted in self.targets.items():
            whole = self.shapes[name][1]
            now = whole + (wanted - whole) * min(1.0, 4 * progress)
            off = (self.expected(name) - now) / whole
            total = total + (self.multipliers[f"{name}_a"] * off + self.multipliers[f"{name}_b"] * off**2).sum()
        return total


def learn(given: Given, inside: Inside, want: Size, batches: Sequence[Batch]) -> tuple[Scores, dict[str, Any]]:
    """Trains the gates: their parameters go down the loss, the multipliers up. Returns the scores, and what was expected of
    each kind of gate at the end next to its target."""
    gates, options = Gates(inside.size, want), given.options
    generator = torch.Generator().manual_seed(given.seed)
    downhill = torch.optim.Adam(gates.log_alpha.values(), lr=options.learning_rate)
    uphill = torch.optim.Adam(gates.multipliers.values(), lr=options.learning_rate, maximize=True)
    for step in range(options.steps if gates.targets else 0):
        batch = batches[step % len(batches)]
        with gated(inside, gates, gates.sample(generator)):
            value = loss(given.model, batch, predicted([batch]))
        objective = value.cpu() + gates.penalty(step / options.steps)
        downhill.zero_grad()
        uphill.zero_grad()
        objective.backward()  # type: ignore[no-untyped-call]
        downhill.step()
        uphill.step()
    measured = {
        n: {"expected": [round(float(x), 4) for x in gates.expected(n).detach()], "target": t}
        for n, t in gates.targets.items()
    }
    return _scores(gates), {"masks": measured}


@torch.no_grad()
def _scores(gates: Gates) -> Scores:
    """Probability of each unit's gate to be open; a group that stays outranks every query head inside one that goes."""
    size = gates.size
    open_ = {
        n: torch.sigmoid(gates.log_alpha[n]).double() if n in gates.targets else torch.ones(s, dtype=torch.float64)
        for n, s in gates.shapes.items()
    }
    queries = open_["queries"].view(size.layers, size.kv_heads, gates.group)
    heads = (queries + 2 * open_["kv_heads"][..., None]).view(size.layers, size.heads)
    return Scores(open_["hidden"][0], heads, open_["intermediate"], open_["layers"][0])


@contextmanager
def gated(inside: Inside, gates: Gates, z: dict[str, Tensor]) -> Iterator[None]:
    """The model runs as if every unit were multiplied by its gate. Norms divide by the root mean square of what is left:
    with d of H dimensions open their output is larger by sqrt(H / d), so it is made smaller by as much."""
    weight: Any = inside.embedding.weight
    z = {n: t.to(weight.device, weight.dtype) for n, t in z.items()}
    hidden, size = z["hidden"][0], inside.size
    shrink = hidden * (hidden.sum().clamp(min=1e-6) / size.hidden).sqrt()
    queries = z["queries"].view(size.layers, size.kv_heads, gates.group) * z["kv_heads"][..., None]
    handles = [inside.embedding.register_forward_hook(lambda _, __, made: made * hidden)]
    handles += [norm.register_forward_hook(lambda _, __, made: made * shrink) for norm in inside.norms]
    for i in range(size.layers):
        heads = queries[i].flatten().repeat_interleave(inside.head_dim)
        inner, whole = z["intermediate"][i], hidden * z["layers"][0, i]
        for module, before, after in ((inside.out(i), heads, whole), (inside.down(i), inner, whole)):
            handles.append(module.register_forward_pre_hook(lambda _, args, g=before: (args[0] * g,)))
            handles.append(module.register_forward_hook(lambda _, __, made, g=after: made * g))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
