"""Some of a model's layers, as they are."""

from __future__ import annotations

from ..parts import Paper
from ..plan.shape import kept_layers
from ..recipe import Truncate
from .base import Given, Shaped, ShapeKind


class Truncated(ShapeKind):
    id = "truncate"
    title = "Truncated"
    summary = "Keeps the first or last layers, every n-th one, or those that are listed; their weights do not change."
    when_to_use = "The cheapest start for a smaller student: nothing is measured, and training heals it."
    formula = r"\theta_S = (E,\ \theta_{l_1}, \ldots, \theta_{l_L},\ W)"
    paper = Paper(
        title="Large Language Model Distillation Doesn't Need a Teacher",
        authors="Jha, Sherborne, Walsh, Groeneveld, Strubell, Beltagy",
        year=2023,
        arxiv="2305.14864",
        url="https://arxiv.org/abs/2305.14864",
    )
    Options = Truncate
    reads_rows = False

    def make(self, given: Given) -> Shaped:
        from .layers import config_of_layers, take_layers

        kept = kept_layers(given.options, given.size.layers)
        return Shaped(
            config_of_layers(given.model.config.to_dict(), given.family, kept),
            take_layers(given.model.state_dict(), given.family, kept),
            {"kept_layers": kept},
        )
