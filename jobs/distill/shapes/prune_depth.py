"""The layers that matter least are left out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..parts import Paper
from ..plan.shape import target
from ..recipe import PruneDepth
from .base import Given, Shaped, ShapeKind

if TYPE_CHECKING:
    from .calibration import Batch


class DepthPruned(ShapeKind):
    id = "prune_depth"
    title = "Depth pruned"
    summary = "Scores every layer on rows of the data and leaves out those with the lowest scores."
    when_to_use = (
        "When a model should become faster by the same factor as it becomes smaller; healing is by distillation."
    )
    formula = r"\mathrm{BI}_l = 1 - \mathbb{E}\,\frac{h_l^\top h_{l+1}}{\lVert h_l\rVert\,\lVert h_{l+1}\rVert}"
    paper = Paper(
        title="ShortGPT: Layers in Large Language Models are More Redundant Than You Expect",
        authors="Men, Xu, Zhang, Wang, Lin, Lu, Han, Chen",
        year=2024,
        arxiv="2403.03853",
        url="https://arxiv.org/abs/2403.03853",
    )
    Options = PruneDepth

    def make(self, given: Given) -> Shaped:
        from .layers import config_of_layers, take_layers

        options, layers = given.options, given.size.layers
        measure = block_influence if options.score == "block_influence" else loss_without
        scores = measure(given, given.batches(options.rows))
        kept = best_layers(scores, target(options, given.size).layers, options.protect_first, options.protect_last)
        gone = [i for i in range(layers) if i not in kept]
        given.told(f"Layers {', '.join(map(str, gone)) or 'none'} have the lowest scores and are left out.")
        return Shaped(
            config_of_layers(given.model.config.to_dict(), given.family, kept),
            take_layers(given.model.state_dict(), given.family, kept),
            {"kept_layers": kept, "scores": scores},
        )


def best_layers(scores: Sequence[float], count: int, first: int = 0, last: int = 0) -> list[int]:
    """The layers with the highest scores, protected ends always among them, in their own order."""
    n = len(scores)
    safe = {i for i in range(n) if i < first or i >= n - last}
    ranked = sorted(range(n), key=lambda i: (i not in safe, -scores[i], i))
    return sorted(ranked[:count])


def block_influence(given: Given, batches: Sequence[Batch]) -> list[float]:
    """1 - mean cosine between what goes into a layer and what comes out, a number a layer."""
    import torch
    import torch.nn.functional as F

    from .calibration import states
    from .layers import layers_of

    layers = layers_of(given.model, given.family)
    sums, seen, real = [0.0] * len(layers), 0, torch.empty(0)

    def hook(index: int):  # type: ignore[no-untyped-def]
        def measure(_: object, args: tuple[torch.Tensor, ...], made: torch.Tensor | tuple[torch.Tensor, ...]) -> None:
            out = made[0] if isinstance(made, tuple) else made
            sums[index] += float(F.cosine_similarity(args[0][real].float(), out[real].float(), dim=-1).double().sum())

        return measure

    handles = [layer.register_forward_hook(hook(i)) for i, layer in enumerate(layers)]
    try:
        for batch in batches:
            real = batch.real
            seen += int(real.sum())
            with torch.no_grad():
                states(given.model, batch)
    finally:
        for handle in handles:
            handle.remove()
    return [1 - s / seen for s in sums]


def loss_without(given: Given, batches: Sequence[Batch]) -> list[float]:
    """How many nats a token the loss rises without each layer."""
    from .calibration import nats
    from .layers import layers_of, without

    layers = layers_of(given.model, given.family)
    whole, rises = nats(given.model, batches), []
    for i in range(len(layers)):
        with without(layers, [i]):
            rises.append(nats(given.model, batches) - whole)
    return rises
