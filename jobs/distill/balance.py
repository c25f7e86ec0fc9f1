"""How strongly each term pulls at the first step: a term a hundred times weaker than another does nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from .batches import Micro
from .rows import Example
from .step import Losses, Term, wanted_of

UNEQUAL = 100.0  # times


def term_gradients(
    losses: Losses,
    parameters: Iterable[Tensor],
    micro: Micro,
    group: Sequence[Example],
    terms: Sequence[Term],
    seed: int | None,
) -> dict[str, float]:
    """Norm of the gradient of each weighted term over one micro-batch, by the term's name (name.2 for the second of a kind).

    Terms without weight now, or without a row in this micro-batch, are left out; the parameters' own gradients stay as they
    are. One term is compared with nothing, so the answer is then empty.
    """
    live = [i for i, t in enumerate(terms) if t.weight and (t.rows == "all" or bool(wanted_of(t, micro).any()))]
    if len(live) < 2:
        return {}
    trained, names = list(parameters), _names(terms)
    out = {}
    for i in live:
        alone = [t if k == i else replace(t, weight=0.0) for k, t in enumerate(terms)]
        loss, _ = losses.of(micro, group, alone, 0, seed)
        found = torch.autograd.grad(loss, trained, allow_unused=True)
        squares = [g.detach().float().square().sum() for g in found if g is not None]
        out[names[i]] = float(torch.stack(squares).sum().sqrt()) if squares else 0.0
    return out


def _names(terms: Sequence[Term]) -> list[str]:
    seen: dict[str, int] = {}
    out = []
    for term in terms:
        name = term.objective.name
        seen[name] = seen.get(name, 0) + 1
        out.append(name if seen[name] == 1 else f"{name}.{seen[name]}")
    return out


def imbalance(norms: Mapping[str, float]) -> str | None:
    """The sentence about the weakest and the strongest term where they are more than a hundred times apart; None: they are not."""
    if len(norms) < 2:
        return None
    weak, strong = min(norms, key=lambda n: norms[n]), max(norms, key=lambda n: norms[n])
    if norms[strong] <= UNEQUAL * norms[weak]:
        return None
    if norms[weak] == 0:
        return (
            f"At the first step {weak} has no gradient and {strong} one of norm {norms[strong]:.3g}. Where {weak} compares the "
            "student with itself that is so until it has moved; else look at its weight and rows."
        )
    return (
        f"At the first step the gradient of {strong} has norm {norms[strong]:.3g}, that of {weak} {norms[weak]:.3g}: "
        f"{norms[strong] / norms[weak]:,.0f} times less. Raise the weight of {weak}, or leave it out."
    )
