"""Speculative decoding with the student as the draft: how often the teacher takes the student's word.

Leviathan et al. 2023, arXiv:2211.17192. A token drawn from q is accepted with probability sum_v min(p(v), q(v)) = 1 - TVD.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from .batches import Limits, micro_batches
from .head import Head
from .rows import Example
from .two_parts import supervised_states
from .weights import backbone


@dataclass(frozen=True)
class Drafted:
    """Ids the target would have written alone, and how many times it was called for them."""

    ids: list[int]
    calls: int

    @property
    def tokens_per_call(self) -> float:
        return len(self.ids) / max(1, self.calls)


@torch.no_grad()
def acceptance(target: Any, draft: Any, examples: Sequence[Example], vocab: int) -> float:
    """Mean over the supervised positions of sum_v min(p, q): the chance that a drafted token is accepted."""
    kept, positions = 0.0, 0
    for micro in micro_batches(examples, range(len(examples)), Limits(32)):
        p, q = (_probabilities(model, micro, vocab) for model in (target, draft))
        kept += float(torch.minimum(p, q).sum())
        positions += len(micro.labels)
    return kept / max(1, positions)


def _probabilities(model: Any, micro: Any, vocab: int) -> torch.Tensor:
    """[N, vocab] at the supervised positions."""
    micro = micro.to(next(model.parameters()).device)
    hidden = supervised_states(backbone(model), micro)
    return Head.of(model, vocab).logits(hidden).softmax(-1).cpu()


@torch.inference_mode()
def speculate(
    target: Any, draft: Any, prompt: Sequence[int], max_new_tokens: int, ends: Sequence[int], ahead: int = 4
) -> Drafted:
    """Greedy: the draft writes `ahead` tokens, the target reads them in one call, keeps those it would have written itself and
    adds its own next one. The end token is not part of the ids."""
    ids, calls, start = list(prompt), 0, len(prompt)
    while len(ids) - start < max_new_tokens:
        room = min(ahead, max_new_tokens - (len(ids) - start) - 1)
        guess = list(ids)
        for _ in range(room):
            guess.append(_best(draft, guess, 1)[0])
        wanted = _best(target, guess, room + 1)  # what the target says at each guessed place, and one further
        calls += 1
        agreed = next((n for n in range(room) if guess[len(ids) + n] != wanted[n]), room)
        for token in wanted[: agreed + 1]:
            if token in ends:
                return Drafted(ids[start:], calls)
            ids.append(token)
    return Drafted(ids[start:], calls)


def _best(model: Any, ids: Sequence[int], last: int) -> list[int]:
    """The likeliest next token at the last so many places."""
    device = next(model.parameters()).device
    logits = model(input_ids=torch.tensor([list(ids)], device=device), use_cache=False, logits_to_keep=last).logits
    return [int(t) for t in logits[0].argmax(-1)]
