"""Narrower layers: hidden width, heads with their key-value groups, MLP channels."""

from __future__ import annotations

from ..parts import Paper
from ..plan.shape import target
from ..recipe import PruneWidth
from .base import Given, Shaped, ShapeKind


class WidthPruned(ShapeKind):
    id = "prune_width"
    title = "Width pruned"
    summary = "Scores hidden dimensions, heads and MLP channels on rows of the data and keeps the best; linked matrices shrink together."
    when_to_use = "When a smaller model should keep its depth: it reasons better than a shallower one of the same size, but gains less speed."
    formula = r"F_{\mathrm{head}} = \lVert \mathrm{Attn}_i(x)\rVert_2,\ \ F_{\mathrm{mlp}} = |a_i|,\ \ F_{\mathrm{emb}} = |\mathrm{LN}(x)_i|;\quad I_i = \sum_{w \in i} |w\,\partial_w \mathcal{L}|"
    paper = Paper(
        title="Compact Language Models via Pruning and Knowledge Distillation",
        authors="Muralidharan, Sreenivas, Joshi, Chochowski, Patwary, Shoeybi, Catanzaro, Kautz, Molchanov",
        year=2024,
        arxiv="2407.14679",
        url="https://arxiv.org/abs/2407.14679",
    )
    Options = PruneWidth

    def make(self, given: Given) -> Shaped:
        from .layers import config_of_layers, layers_of, take_layers
        from .masks import learn
        from .scores import activation_scores, gradient_scores
        from .widths import Inside, choose, config_of_width, cut

        options, batches = given.options, given.batches(given.options.rows)
        inside = Inside.of(given.model, layers_of(given.model, given.family), given.size)
        want, measured = target(options, given.size), dict[str, object]()
        if options.score == "l0_mask":
            scores, measured = learn(given, inside, want, batches)
        else:
            measure = activation_scores if options.score == "activation" else gradient_scores
            scores = measure(given.model, inside, batches)
        keep = choose(scores, given.size, want)
        config = given.model.config.to_dict()
        tensors = take_layers(
            cut(given.model.state_dict(), given.family, keep, inside.head_dim), given.family, keep.layers
        )
        given.told(
            f"Of {given.size.hidden} hidden dimensions, {given.size.heads} heads and {given.size.intermediate} MLP channels "
            f"{want.hidden}, {want.heads} and {want.intermediate} are kept."
        )
        return Shaped(
            {
                **config_of_layers(config, given.family, keep.layers),
                **config_of_width(config, given.family, want, inside.head_dim),
            },
            tensors,
            {**measured, "kept_layers": keep.layers, "kept_heads": keep.heads, "kept_kv_heads": keep.kv_heads},
        )
