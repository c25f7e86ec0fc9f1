"""The student's output layer as directions: one unit vector a token. The layer is read, never changed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

TILE = 16384  # rows of the output layer widened at a time, where it is stored in half precision


@dataclass(frozen=True)
class Directions:
    """Rows of `weight` [R, H] for the first `vocab` ids, divided by their length; a row of zeros stays zero."""

    weight: Tensor
    vocab: int

    @cached_property
    def inverse(self) -> Tensor:
        """One over the length of each row, [V]."""
        tiles = [
            torch.linalg.vector_norm(tile.float() if tile.element_size() < 4 else tile, dim=-1)
            for _, tile in self._tiles()
        ]
        norm = torch.cat(tiles)
        return torch.where(norm > 0, 1 / norm, torch.zeros_like(norm))

    @torch.no_grad()
    def centre(self, p: Tensor) -> Tensor:
        """Mean direction under p [n, V], [n, H]."""
        out = p.new_zeros(p.shape[0], self.weight.shape[1])
        for rows, tile in self._tiles():
            out += (p[:, rows] * self.inverse[rows].to(p.dtype)) @ tile.to(p.dtype)
        return out

    @torch.no_grad()
    def centre_at(self, ids: Tensor, p: Tensor) -> Tensor:
        """The same where p [n, m] holds the probabilities of ids [n, m] alone."""
        rows = self.weight.detach()[ids].to(p.dtype)  # [n, m, H]
        return ((p * self.inverse.to(p.dtype)[ids])[..., None] * rows).sum(1)

    @torch.no_grad()
    def towards(self, centre: Tensor) -> Tensor:
        """Inner product of every token's direction with `centre` [n, H], [n, V]."""
        out = centre.new_empty(centre.shape[0], self.vocab)
        for rows, tile in self._tiles():
            out[:, rows] = centre @ tile.to(centre.dtype).t() * self.inverse[rows].to(centre.dtype)
        return out

    def _tiles(self) -> list[tuple[slice, Tensor]]:
        """Views of the layer; in half precision a tile at a time is widened by who reads it."""
        weight = self.weight.detach()[: self.vocab]
        step = TILE if weight.element_size() < 4 else max(1, self.vocab)
        slices = [slice(i, min(i + step, self.vocab)) for i in range(0, self.vocab, step)]
        return [(s, weight[s]) for s in slices]
