"""What is trained beside the adapter of a classifier or tagger: the layer over the labels, whole."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from peft import TaskType


@dataclass(frozen=True)
class LabelHead:
    """`saved` are the modules that are trained whole (peft's modules_to_save); `layers` is what stands before the number of a
    layer in the names of the model's modules."""

    task: str  # classify, tag
    saved: tuple[str, ...]
    layers: str

    @property
    def task_type(self) -> TaskType:
        return TaskType.TOKEN_CLS if self.task == "tag" else TaskType.SEQ_CLS

    def pattern(self, names: Sequence[str]) -> str:
        """Whole names of the adapted modules as one expression. Inside the layers only: a pooler or a head may have a layer
        of the same name."""
        any_of = "|".join(re.escape(n) for n in names)
        return rf"{re.escape(self.layers)}\d+\.(?:.+\.)?(?:{any_of})"
