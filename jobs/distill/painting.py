"""From painted characters to weights of tokens, through the byte spans that the tokenizer itself reports.

A token takes a span's weight when they share a character that is not white space (a token of white space alone: any
character). Where several weights meet in one token, 0 wins over all, because what must not be learnt must not leak in;
else the largest wins. What the template writes around the answer, and the end token, count as 1; the end token is not
learnt when the answer's last character is not, and nothing is where all of the answer is ignored.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from .align.offsets import Tokens, of_text
from .data.paint import Span
from .errors import DataRefused

if TYPE_CHECKING:
    from .rows import Renderer, Row

MARK = "\ue7f3"  # stands for the answer when its place in the template is looked for


def token_weights(renderer: Renderer, row: Row, ids: Sequence[int]) -> np.ndarray | None:
    """Weight of each of the answer's ids, float32 [len(ids)]; None where the row's answer is not painted.

    Raises DataRefused when the template changed the answer, so that nobody knows which token stands for which character.
    """
    spans = row.spans
    if not spans:
        return None
    answer = row.answer or ""
    told = of_text(renderer.spelling, renderer.conversation.answer(row.messages, answer))
    lead = len(renderer.lead)  # before the answer's text stand tokens that an encoder-decoder's tokenizer puts there
    ids = list(ids)[lead:]
    n = len(ids)
    begin, shift = _place(renderer, row, told.text, answer)
    if told.ids[:n] != ids[: len(told.ids)] or begin < 0:
        raise DataRefused(
            f"Row {row.row_id} is painted, but this model's template changes its answer: the spans fit no token.",
            field="data",
            hint="Remove the paint of this row, or choose a model whose template leaves answers as they are.",
        )
    by_letter = _letters(answer, spans)
    if not by_letter.any():
        return np.zeros(lead + n, dtype=np.float32)
    out = np.ones(n, dtype=np.float32)
    for i, weight in _of_tokens(told, begin, answer[shift:], by_letter[shift:]):
        if i < n:
            out[i] = weight
    if n and not _last(answer, by_letter):
        out[n - 1] = 0.0  # the end token: the answer ends with something that is not learnt
    return np.concatenate([np.ones(lead, dtype=np.float32), out])


def _place(renderer: Renderer, row: Row, text: str, answer: str) -> tuple[int, int]:
    """(character where the answer begins in the rendered text, how many of its own characters the template left away)."""
    probe = "".join(renderer.conversation.answer(row.messages, MARK))
    guess = probe.find(MARK)
    for part in dict.fromkeys((answer, answer.rstrip(), answer.strip())):
        if not part:
            continue
        shift = answer.index(part)
        if guess >= 0 and text.startswith(part, guess):
            return guess, shift
        if text.count(part) == 1:
            return text.index(part), shift
    return -1, 0


def _letters(answer: str, spans: Sequence[Span]) -> np.ndarray:
    """Weight of each character."""
    out = np.ones(len(answer), dtype=np.float32)
    for start, end, weight in spans:
        out[start:end] = weight
    return out


def _of_tokens(told: Tokens, begin: int, answer: str, by_letter: np.ndarray) -> list[tuple[int, float]]:
    """(index, weight) of the tokens that cover a character of the answer."""
    first = len(told.text[:begin].encode())
    letter_at = np.repeat(np.arange(len(answer)), [len(c.encode()) for c in answer])  # byte -> character
    out = []
    for i, span in enumerate(told.spans):
        if span is None:
            continue
        low, high = max(0, span[0] - first), min(len(letter_at), span[1] - first)
        if low >= high:
            continue
        letters = np.unique(letter_at[low:high])
        solid = [k for k in letters if not answer[k].isspace()] or list(letters)
        weights = by_letter[solid]
        out.append((i, 0.0 if (weights == 0).any() else float(_strongest(weights))))
    return out


def _strongest(weights: np.ndarray) -> float:
    """The weight that somebody painted, the largest of them; 1 where nobody did."""
    painted = weights[weights != 1]
    return float(painted.max()) if len(painted) else 1.0


def _last(answer: str, by_letter: np.ndarray) -> bool:
    """Whether the last character that is not white space is learnt."""
    solid = [k for k, c in enumerate(answer) if not c.isspace()]
    return bool(by_letter[solid[-1] if solid else -1] > 0)
