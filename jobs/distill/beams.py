"""Several answers of a teacher for each prompt by beam search, and which of them the student learns."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from transformers import DynamicCache, EncoderDecoderCache
from transformers.modeling_outputs import BaseModelOutput

from .answers import Ledger, Said, Speaker, ledger_key
from .arm import Stopped
from .generate import Answer, Decoding
from .rows import Row
from .session import Session
from .two_parts import TwoParts
from .weights import backbone

ORDERS = 4  # of n-grams in BLEU


@torch.inference_mode()
def beam_search(
    model: Any, prompt: Sequence[int], decoding: Decoding, beams: int, vocab: int | None = None
) -> list[Answer]:
    """At most `beams` answers, the likeliest first, by the sum of their log-probabilities, the end token's included.

    Each step keeps the best `beams` continuations; an answer that ends takes its beam with it. What has not ended at the
    longest allowed stands behind what has. Ids from `vocab` on are never said.
    """
    device = next(model.parameters()).device
    pen, ends = _Pen(model, prompt), sorted(set(decoding.eos))
    live: list[tuple[float, list[int]]] = [(0.0, [])]
    done: list[tuple[float, list[int]]] = []
    for _ in range(decoding.max_new_tokens):
        logp = torch.log_softmax(pen.logits()[:, :vocab].double(), -1)  # [live, V]
        totals = logp + torch.tensor([[score] for score, _ in live], dtype=torch.float64, device=device)
        done += [(float(totals[b, e]), live[b][1]) for b in range(len(live)) for e in ends]
        done = sorted(done, key=lambda d: -d[0])[:beams]
        totals[:, ends] = -math.inf
        best, flat = totals.flatten().topk(min(beams, totals.numel() - len(live) * len(ends)))
        picked = [(float(s), divmod(int(f), totals.shape[1])) for s, f in zip(best, flat, strict=True)]
        # A beam that is less likely than the worst finished answer can only become less likely.
        picked = [p for p in picked if len(done) < beams or p[0] > done[-1][0]]
        live = [(s, [*live[b][1], token]) for s, (b, token) in picked]
        if not live:
            break
        pen.go_on([b for _, (b, _) in picked], [token for _, (_, token) in picked])
    said = [Answer(words, True) for _, words in done]
    return (said + [Answer(words, False) for _, words in live])[:beams]


class _Pen:
    """The beams of one prompt as the model holds them; an encoder-decoder's encoder reads the prompt once."""

    def __init__(self, model: Any, prompt: Sequence[int]) -> None:
        self.model, self.device = model, next(model.parameters()).device
        self.ids = torch.tensor([list(prompt)], device=self.device)  # [beams, new]
        self.cache: Any = DynamicCache(config=model.config)
        parts = backbone(model)
        self.seen: torch.Tensor | None = None
        if isinstance(parts, TwoParts):
            self.seen = parts.read(self.ids, torch.ones_like(self.ids))
            self.cache = EncoderDecoderCache(self.cache, DynamicCache(config=model.config))
            self.ids = torch.tensor([[parts.start]], device=self.device)

    def logits(self) -> torch.Tensor:
        """Of the next token of each beam, [beams, V]."""
        more: dict[str, Any] = {"input_ids": self.ids, "logits_to_keep": 1}
        if self.seen is not None:
            seen = BaseModelOutput(last_hidden_state=self.seen.expand(len(self.ids), -1, -1))
            more = {"decoder_input_ids": self.ids, "encoder_outputs": seen}
        out = self.model(**more, past_key_values=self.cache, use_cache=True)
        return out.logits[:, -1]  # type: ignore[no-any-return]

    def go_on(self, beams: list[int], tokens: list[int]) -> None:
        """These beams go on, each with its token; one may go on several times."""
        self.cache.batch_select_indices(torch.tensor(beams, device=self.device))
        self.ids = torch.tensor([[t] for t in tokens], device=self.device)


def collect_beams(
    session: Session, speaker: Speaker, rows: Sequence[Row], decoding: Decoding, beams: int, phase: str
) -> dict[str, list[Said]]:
    """Row id -> candidates, the likeliest first, kept as they are made. A prompt that leaves no room has none."""
    room = speaker.renderer.longest_prompt(speaker.context, decoding.max_new_tokens)
    asked = [(row, ids) for row in rows if len(ids := speaker.renderer.prompt(row.messages)) <= room]
    key = hashlib.sha256(
        f"{ledger_key(session, speaker, [ids for _, ids in asked], decoding, 1)}-beams-{beams}".encode()
    ).hexdigest()[:32]
    ledger = Ledger(session, key)
    for number, (row, ids) in enumerate(asked):
        if number not in ledger.batches:
            made = beam_search(speaker.model, ids, decoding, beams)
            ledger.append(number, [(row.row_id, answer) for answer in made], speaker.renderer)
            session.events.emit(
                "progress", phase=phase, done=number + 1, total=len(asked), unit="rows", rate=None, eta=None
            )
        if session.stopping:
            raise Stopped
    out: dict[str, list[Said]] = {row.row_id: [] for row in rows}
    for entry in ledger.batches.values():
        for row_id, text, finished, tokens in entry:
            out[row_id].append(Said(text, finished, tokens))
    return out


def chosen_of(candidates: Mapping[str, Sequence[Said]], rows: Sequence[Row], choose: str) -> dict[str, Said]:
    """One answer a row: the likeliest that is whole, or, where there is a gold answer, the one most like it by BLEU."""
    out = {}
    for row in rows:
        whole = [c for c in candidates[row.row_id] if c.finished and c.text.strip()]
        if not whole:
            out[row.row_id] = Said("", False, 0)
        elif choose == "nearest" and row.labelled:
            out[row.row_id] = max(
                whole, key=lambda c: bleu(c.text, row.answer or "")
            )  # the first of equals is likelier
        else:
            out[row.row_id] = whole[0]
    return out


def bleu(answer: str, gold: str) -> float:
    """Sentence BLEU, 0 to 1, over words, with one added to the counts of 2-grams and longer (Lin and Och 2004), so that short
    answers have a score."""
    said, wanted = answer.split(), gold.split()
    if not said or not wanted:
        return float(said == wanted)
    logs = 0.0
    for n in range(1, ORDERS + 1):
        mine, theirs = (Counter(tuple(w[i : i + n]) for i in range(len(w) - n + 1)) for w in (said, wanted))
        hits, all_of, extra = sum((mine & theirs).values()), sum(mine.values()), n > 1
        if hits + extra == 0:
            return 0.0
        logs += math.log((hits + extra) / (all_of + extra))
    return math.exp(logs / ORDERS + min(0.0, 1 - len(wanted) / len(said)))
