"""A model reads rows: what each text costs it, once over all rows, for selections, curricula and mixes of domains."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import torch

from ..arm import Stopped
from ..batches import Limits, micro_batches
from ..errors import PlanRefused
from ..head import Head, head_read
from ..rows import Example, Row, tokenise
from ..supervise import whole_texts
from ..two_parts import supervised_states
from ..weights import backbone
from .base import Read

if TYPE_CHECKING:
    from ..work import Work

BATCH, TOKENS = 64, 1 << 14


@torch.no_grad()
def read_examples(
    model: Any, examples: Sequence[Example], stop: Callable[[], bool] = lambda: False, vocab: int | None = None
) -> list[Read]:
    """What the model makes of each example's supervised tokens. Raises Stopped when asked to stop."""
    device = next(model.parameters()).device
    head, below = Head.of(model, vocab), backbone(model)
    out = [Read(0.0, 0)] * len(examples)
    for begin in range(0, len(examples), BATCH):
        chunk = examples[begin : begin + BATCH]
        for micro in micro_batches(chunk, range(len(chunk)), Limits(BATCH, TOKENS)):
            moved = micro.to(device)
            read = head_read(supervised_states(below, moved), head, moved.labels, entropy=True)
            assert read.label_logp is not None and read.entropy is not None
            counts = [chunk[i].supervised for i in micro.which]
            nats, entropy = (t.double().cpu().split(counts) for t in (-read.label_logp, read.entropy))
            for i, loss, unsure in zip(micro.which, nats, entropy, strict=True):
                out[begin + i] = Read(float(loss.sum()), len(loss), float(unsure.mean()))
        if stop():
            raise Stopped
    return out


def joined(examples: Iterable[Example], reads: Iterable[Read]) -> dict[str, Read]:
    """One reading a row, where a long text was cut into several examples."""
    out: dict[str, Read] = {}
    for example, new in zip(examples, reads, strict=True):
        old = out.get(example.row_id, Read(0.0, 0))
        tokens = old.tokens + new.tokens
        entropy = (old.entropy * old.tokens + new.entropy * new.tokens) / max(1, tokens)
        out[example.row_id] = Read(old.nats + new.nats, tokens, entropy)
    return out


def read_rows(work: Work, who: str, rows: Sequence[Row], text: str) -> dict[str, Read]:
    """Row id -> reading of `who`: base (the student without its adapter), student, or a teacher of the recipe.

    text "answer": rows with an answer, a prompt that is too long cut on the left; "all": the whole text of every row.
    """
    session = work.session
    own = who in ("base", "student")
    opened = work.learner().opened if own else work.open_teacher(who)
    model = work.model if own else opened.model
    longest = min(opened.context, session.recipe.data.max_length or opened.context)
    if text == "all":
        examples = whole_texts(rows, opened.renderer, longest)
    else:
        examples = tokenise([r for r in rows if r.answer is not None], opened.renderer, longest, "truncate").examples
    if not examples:
        raise PlanRefused(
            f"No row has an answer for {who} to read.",
            field="stages",
            hint="Have the teacher answer first, or let the models read the whole text.",
        )
    was = model.training
    model.eval()
    with model.disable_adapter() if who == "base" else nullcontext(), session.timed("select"):
        reads = read_examples(model, examples, lambda: session.stopping)
    model.train(was)
    return joined(examples, reads)
