"""Frozen weights shared out over the ranks, a part of each block of layers on each (FSDP2: Zhao et al. 2023, arXiv:2304.11277).

A block's weights come together when it is read, forward and backward, and leave again. Whole on every rank stay the
embeddings and the output layer, which the head pass reads by chunks, and everything that is trained: the gradients of the
adapter are added up by `Ranks.add_up` as ever, so checkpoints and exports know nothing of this.

Who asks for a block is one of three: all ranks in lockstep (a training step), the first rank by itself (scores, answers:
it tells the others, which wait, to gather with it), or another rank by itself, which would wait for ever and is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.fsdp._fully_shard._fsdp_api import AllGather
from torch.distributed.tensor import DTensor

from .errors import PlanRefused
from .events import Events
from .plan.words import size
from .ranks import Ranks, in_lockstep, lockstep, obey


@dataclass
class Sharing:
    """The models of a run whose weights are shared out. names: those of all models, alike on all ranks; `opener` gives a
    model by its name, for a rank that is told to gather what it has not opened yet."""

    ranks: Ranks
    names: Sequence[str]
    device: torch.device
    opener: Callable[[str], Any]
    events: Events
    held: dict[str, Held] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.mesh = DeviceMesh.from_group(self.ranks.groups[1], self.device.type)
        obey(self._obey)

    def share(self, who: str, model: Any) -> Held:
        """Takes this rank's part of every block of `model`, which lies in the machine's memory; the rest of it moves to the
        device. Raises PlanRefused when blocks have weights in common."""
        blocks = blocks_of(model)
        _refuse_common(who, blocks)
        before = sum(p.numel() * p.element_size() for p in model.parameters())
        for number, block in enumerate(blocks):
            trained = {p for p in block.parameters() if p.requires_grad}
            fully_shard(block, mesh=self.mesh, reshard_after_forward=True, ignored_params=trained)
            shared: Any = block
            shared.set_custom_all_gather(_Gather(self, who, number))
            block.register_forward_pre_hook(_gather_first, prepend=True)
        model.to(self.device)
        held = self.held[who] = Held(model, blocks, before, held_bytes(model))
        why = f"each of the {self.ranks.size} ranks holds {size(held.bytes)} of its {size(before)}"
        self.events.reason(f"{who}.placement", "sharded", why)
        return held

    def drop(self, who: str) -> None:
        self.held.pop(who, None)

    def ask(self, who: str, block: int) -> None:
        """Before a block is gathered: makes sure that every rank gathers it."""
        if in_lockstep():
            return
        if not self.ranks.leader:
            raise PlanRefused(
                f"The weights of the {who} are shared out over {self.ranks.size} ranks, and rank {self.ranks.rank + 1} would have to read "
                "them by itself.",
                field=f"{who}.placement",
                hint="Set this model's placement to each, or use WB_RANKS=1.",
            )
        self.ranks.order((self.names.index(who), block))

    def _obey(self, model: int, block: int) -> None:
        """Gathers a block because the first rank reads it."""
        who = self.names[model]
        if who not in self.held:
            self.opener(who)
        shared: Any = self.held[who].blocks[block]
        with lockstep():
            shared.unshard()
        shared.reshard()


@dataclass(frozen=True)
class Held:
    """A model that is shared out; bytes of all its parameters, and of those on this rank."""

    model: Any
    blocks: list[nn.Module]
    whole_bytes: int
    bytes: int


class _Gather(AllGather):
    """FSDP's way to bring a block's weights together, with the other ranks asked first."""

    def __init__(self, sharing: Sharing, who: str, block: int) -> None:
        self.sharing, self.who, self.block = sharing, who, block

    def allocate(self, size: Sequence[Any], *, dtype: torch.dtype, device: torch.device) -> Tensor:
        return torch.empty(*size, dtype=dtype, device=device)

    def __call__(
        self, output_tensor: Tensor, input_tensor: Tensor, group: Any, async_op: bool = False
    ) -> dist.Work | None:
        self.sharing.ask(self.who, self.block)
        with self.sharing.ranks.in_words():
            return dist.all_gather_single(output_tensor, input_tensor, group=group, async_op=async_op)


def _gather_first(block: Any, _: Any) -> None:
    """The gathered weights are ordinary tensors even where a forward without gradient asks for them first: autograd will
    keep the same ones later."""
    with torch.inference_mode(False):
        block.unshard()


def blocks_of(model: nn.Module) -> list[nn.Module]:
    """The outermost lists of layers: of an encoder-decoder both stacks."""
    found: list[nn.Module] = []

    def look(module: nn.Module) -> None:
        for child in module.children():
            if isinstance(child, nn.ModuleList) and any(True for _ in child.parameters()):
                found.extend(child)
            else:
                look(child)

    look(model)
    return found


def _refuse_common(who: str, blocks: Sequence[nn.Module]) -> None:
    seen: dict[int, int] = {}
    for number, block in enumerate(blocks):
        for p in block.parameters():
            if not p.requires_grad and seen.setdefault(id(p), number) != number:
                raise PlanRefused(
                    f"Layers {seen[id(p)]} and {number} of the {who} have weights in common, so they cannot be shared out one by one.",
                    field=f"{who}.placement",
                    hint="Set this model's placement to each.",
                )


def held_bytes(model: nn.Module) -> int:
    """Bytes of the parameters that lie on this rank."""
    local = (p.to_local() if isinstance(p, DTensor) else p for p in model.parameters())
    return sum(p.numel() * p.element_size() for p in local)
