"""Encoder-decoders: the encoder reads the prompt once, the decoder writes behind it. One forward of both, as every caller
asks for it, so that nothing else has to know which kind of model it has.

A row is kept as it always is, prompt and answer in one line of ids; here it is taken apart: the encoder is given
ids[:start], the decoder the start token and ids[start:-1], and each decoder position predicts the id at its own place of
ids[start:]. Hidden states of T5 are scaled by width^-0.5 before a tied output layer (Raffel et al. 2019,
arXiv:1910.10683); that is done in output_layer.py, where the logits are made.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from .batches import Micro


class TwoParts(nn.Module):
    """Encoder and decoder of a model below its output layer, adapters included; the modules are the model's own."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module, start: int) -> None:
        super().__init__()
        self.encoder, self.decoder, self.start = encoder, decoder, start

    def read(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Encoder states [rows, length, width] of prompts padded on the right; mask [rows, length] is 0 on padding."""
        return self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state  # type: ignore[no-any-return]

    def write(self, ids: Tensor, seen: Tensor, mask: Tensor, **more: Any) -> Any:
        """The decoder's output for ids [rows, length] that follow prompts whose states are `seen`. What is padded on the right
        of a row changes nothing before it, so the decoder needs no mask of its own."""
        return self.decoder(input_ids=ids, encoder_hidden_states=seen, encoder_attention_mask=mask, **more)


def taken_apart(micro: Micro, start: int) -> Micro:
    """The same rows for a model of two parts: `input_ids` and `places` are the decoder's, the prompts stand in `prompts`."""
    rows, length = micro.input_ids.shape
    counts = torch.bincount(micro.of, minlength=rows)  # supervised positions of each row, which all stand together
    first = micro.places[counts.cumsum(0) - counts] - torch.arange(rows, device=counts.device) * length
    sizes = first + 1  # of the prompts: the first supervised position is the prompt's last one
    columns = torch.arange(int(sizes.max()), device=counts.device)
    mask = (columns[None] < sizes[:, None]).long()
    at = torch.arange(len(micro.labels), device=counts.device) - (counts.cumsum(0) - counts)[micro.of]
    places = micro.of * int(counts.max()) + at
    written = torch.full((rows * int(counts.max()),), start, dtype=torch.int64, device=counts.device)
    later = at > 0
    written[places[later]] = micro.labels.roll(1)[later]
    return replace(
        micro,
        input_ids=written.view(rows, -1),
        places=places,
        prompts=micro.input_ids[:, : int(sizes.max())] * mask,
        prompt_mask=mask,
    )


def laid_out(micro: Micro, backbone: nn.Module) -> Micro:
    """The micro-batch as this model reads it; one that is laid out already stays as it is."""
    if not isinstance(backbone, TwoParts) or micro.prompts is not None:
        return micro
    return taken_apart(micro, backbone.start)


def states_of(backbone: nn.Module, micro: Micro) -> Tensor:
    """Last hidden states [rows, length, width] of a micro-batch that is laid out for this model; an encoder-decoder's are
    those of its decoder."""
    if isinstance(backbone, TwoParts):
        assert micro.prompts is not None and micro.prompt_mask is not None
        seen = backbone.read(micro.prompts, micro.prompt_mask)
        return backbone.write(micro.input_ids, seen, micro.prompt_mask, use_cache=False).last_hidden_state  # type: ignore[no-any-return]
    return backbone(input_ids=micro.input_ids, use_cache=False).last_hidden_state  # type: ignore[no-any-return]


def supervised_states(backbone: nn.Module, micro: Micro) -> Tensor:
    """States at the positions that predict an answer token, [N, width]."""
    micro = laid_out(micro, backbone)
    return states_of(backbone, micro).flatten(0, 1).index_select(0, micro.places)
