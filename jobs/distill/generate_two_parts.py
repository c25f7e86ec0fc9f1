"""Answers of encoder-decoders: the encoder reads a batch of prompts once, the decoder writes token by token behind its start
token. Everything else, who leaves the batch when and how tokens are drawn, is that of generate.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache, EncoderDecoderCache
from transformers.modeling_outputs import BaseModelOutput

from .generate import Rows, Task, padded
from .weights import backbone


@dataclass
class Heard(Rows):
    """Rows of an encoder-decoder: `mask` [B, L] is of their prompts, which the encoder has read once."""

    seen: Tensor  # [B, L, H] states of the encoder

    def keep(self, index: Tensor) -> None:
        super().keep(index)
        self.seen = self.seen[index]


@dataclass
class TwoPartTask(Task):
    """Answers of an encoder-decoder: the encoder reads a batch of prompts once, the decoder writes behind its start token."""

    def __post_init__(self) -> None:
        super().__post_init__()
        most = getattr(self.model.config, "max_position_embeddings", None)  # BART has a table of positions, T5 has none
        self.longest = [min(n, most) for n in self.longest] if most else self.longest

    def _read(self, who: list[int]) -> Rows | None:
        parts: Any = backbone(self.model)
        ids, mask = padded([self.prompts[i] for i in who], self.decoding.pad, self.device, left=False)
        start = torch.full((len(who), 1), parts.start, device=self.device)
        config = self.model.config
        cache = EncoderDecoderCache(DynamicCache(config=config), DynamicCache(config=config))
        rows = Heard(who, start, mask, torch.zeros_like(start), cache, parts.read(ids, mask))
        return self._next(rows)

    def _next(self, rows: Rows) -> Rows | None:
        assert isinstance(rows, Heard)
        out = self.model(
            encoder_outputs=BaseModelOutput(last_hidden_state=rows.seen),
            attention_mask=rows.mask,
            decoder_input_ids=rows.ids,
            past_key_values=rows.cache,
            use_cache=True,
        )
        return self._picked(rows, out.logits[:, -1, : self.vocab])
