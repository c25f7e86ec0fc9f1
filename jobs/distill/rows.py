"""Rows become token ids: what the model reads, what it learns to say, and nothing that a row's text could forge."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .align.spelling import Spelling
from .data.load import load_rows
from .data.paint import Painted, Span, painted_of
from .data.split import assign_splits
from .errors import DataRefused, ModelRejected
from .events import Events
from .models.conversation import TwoTexts, conversation_of, frame_of
from .models.families import Kind
from .painting import token_weights

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class Row:
    """A canonical row. `labelled` stays what it was when a teacher's answer is filled in."""

    row_id: str
    messages: tuple[dict[str, str], ...]
    answer: str | None
    split: str
    line: int
    labelled: bool
    fields: Mapping[str, Any] = field(
        default_factory=dict
    )  # domain, rationale, chosen, rejected, ranked, privileged, weight, paint
    painted: Painted | None = None  # of the answer the row came with

    @property
    def question(self) -> str:
        """The last user turn: what pages show."""
        return self.messages[-1]["content"]

    @property
    def spans(self) -> tuple[Span, ...]:
        """Painted spans of the answer as it is now; an answer somebody else wrote has none."""
        return self.painted.of(self.answer) if self.painted else ()


@dataclass(frozen=True)
class Example:
    """Token ids [length]; the answer, its end token included, is ids[start:]. Never padded, so masks come from lengths."""

    row_id: str
    ids: np.ndarray
    start: int
    labelled: bool
    origin: str = "fixed"  # fixed, rollout, chosen, rejected
    group: str = ""  # answers that a sequence term reads together; empty: this one alone
    weight: float = 1.0  # of the row in the loss
    features: Mapping[str, Any] = field(
        default_factory=dict, compare=False
    )  # number an answer, or float32 [supervised]
    paint: np.ndarray | None = field(default=None, compare=False)  # weight of each token, float32 [supervised]; None: 1

    @property
    def supervised(self) -> int:
        """Number of positions that predict an answer token."""
        return len(self.ids) - self.start

    @property
    def mass(self) -> float:
        """Supervised positions as they count: none for an ignored token, two for one of weight 2."""
        return self.supervised if self.paint is None else float(self.paint.sum(dtype=np.float64))

    @property
    def key(self) -> str:
        """Hash of the ids and of where the answer starts: the address of recorded signals."""
        return hashlib.sha256(np.int64(self.start).tobytes() + self.ids.astype("<i4").tobytes()).hexdigest()


def read_rows(path: Path, heldout: float = 0.1) -> list[Row]:
    """Canonical rows of a Parquet file in file order; raises DataRefused when it is not one.

    Rows without a split of their own get one by the hash of their prompt, so that adding rows moves none.
    """
    records = load_rows(path)
    if not records:
        raise DataRefused("The dataset has no rows.", field="data", hint="Choose another dataset.")
    for r in records:
        r["answer"] = r["answer"] or None
    rows = []
    for r, split in zip(records, assign_splits(records, heldout), strict=True):
        rows.append(
            Row(
                r["row_id"],
                tuple(r["messages"]),
                r["answer"],
                split,
                int(r["line"] or 0),
                r["answer"] is not None,
                fields := json.loads(r.get("fields") or "{}"),
                painted_of(r["row_id"], r["answer"], fields),
            )
        )
    return rows


def rows_sha256(rows: Iterable[Row]) -> str:
    """Content hash of rows, independent of the file's encoding and order."""
    lines = sorted(
        json.dumps(
            [r.row_id, list(r.messages), r.answer, r.split, *([dict(r.fields)] if r.fields else [])],
            ensure_ascii=False,
            sort_keys=True,
        )
        for r in rows
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def stratified(rows: Sequence[Row], limit: int | None, seed: int = 0) -> list[Row]:
    """At most `limit` rows, spread evenly over the answers, in the order given. The first n rows are never a sample."""
    if limit is None or len(rows) <= limit:
        return list(rows)
    by_answer: dict[str | None, list[Row]] = {}
    for row in sorted(rows, key=lambda r: hashlib.sha256(f"{seed}:{r.row_id}".encode()).digest()):
        by_answer.setdefault(row.answer if row.labelled else None, []).append(row)
    # A row's place is its rank inside its own answer's rows, as a share: every answer is cut at the same depth.
    ranked = sorted(
        ((i + 0.5) / len(group), n, row.row_id)
        for n, group in enumerate(by_answer.values())
        for i, row in enumerate(group)
    )
    chosen = {row_id for _, _, row_id in ranked[:limit]}
    return [row for row in rows if row.row_id in chosen]


class Renderer:
    """Messages to token ids through the model's own chat template; see models/conversation.py for what it guards against."""

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        eos: Sequence[int],
        events: Events | None = None,
        kind: Kind = "causal",
    ) -> None:
        self.tokenizer = tokenizer
        self.eos = list(eos)
        own = tokenizer.chat_template
        own = own.get("default") if isinstance(own, dict) else own
        special, added = tokenizer.special_tokens_map, tokenizer.get_added_vocab()
        self.conversation = conversation_of(own, special, added, kind)
        self.apart = kind == "encoder-decoder"  # prompt and answer are texts of their own, each with its own limit
        self.bos = [] if own else self._bos_of_plain_text()
        self.lead, self.end = self._frame() if isinstance(self.conversation, TwoTexts) else ([], [])
        if not own and events:
            events.reason(
                "template",
                "plain text",
                "the model has no chat template: the encoder reads the texts, one a line, the decoder writes the answer"
                if self.apart
                else "the model has no chat template: the texts, a line break, the answer",
            )

    @cached_property
    def spelling(self) -> Spelling:
        """What each of the tokenizer's ids spells; read when first asked for."""
        return Spelling(self.tokenizer)

    @property
    def template(self) -> str:
        return self.conversation.template

    def prompt(self, messages: Sequence[dict[str, str]]) -> list[int]:
        """Ids up to where the answer starts: exactly what generation is given."""
        with _refusals_of_rows():
            ids = self._encode(self.conversation.prompt(messages))
        return [*self.lead, *ids, *self.end] if self.lead or self.end else self.bos + ids

    def answer(self, messages: Sequence[dict[str, str]], answer: str) -> list[int]:
        """Ids of the answer as the template closes it, through the first end token, which is always there."""
        with _refusals_of_rows():
            ids = self.lead + self._encode(self.conversation.answer(messages, answer))
        end = next((i for i, token in enumerate(ids) if token in self.eos), None)
        return ids[: end + 1] if end is not None else [*ids, self.eos[0]]

    def text(self, text: str) -> list[int]:
        """Ids of raw text without any template, from the token that begins a text, where there is one, to the end token."""
        with _refusals_of_rows():
            return [*self._bos_of_plain_text(), *self._encode(self.conversation.plain(text)), self.eos[0]]

    def example(self, row: Row) -> Example:
        """The row with its answer as ids; the row must have one."""
        prompt, answer = self.prompt(row.messages), self.answer(row.messages, row.answer or "")
        weight, paint = float(row.fields.get("weight", 1.0)), token_weights(self, row, answer)
        ids = np.asarray(prompt + answer, dtype=np.int32)
        return Example(row.row_id, ids, len(prompt), row.labelled, weight=weight, paint=paint)

    def longest_prompt(self, context: int, new: int) -> int:
        """Tokens a prompt may have where so many new ones are to follow; an encoder-decoder writes on a page of its own."""
        return context if self.apart else context - new

    def room(self, context: int, prompt: int) -> int:
        """New tokens there is room for behind a prompt of so many; below 1: it is too long to be answered."""
        return context if self.apart and prompt <= context else context - prompt

    def decode(self, ids: Sequence[int]) -> str:
        return str(self.tokenizer.decode(list(ids), skip_special_tokens=True))

    def _encode(self, pieces: Sequence[str]) -> list[int]:
        return [i for piece in pieces if piece for i in self.tokenizer(piece, add_special_tokens=False)["input_ids"]]

    def _frame(self) -> tuple[list[int], list[int]]:
        """Around a text of an encoder-decoder: what its tokenizer puts there; one that puts nothing ends it with its end token."""
        lead, end = frame_of(
            self.tokenizer("a")["input_ids"], self.tokenizer("a", add_special_tokens=False)["input_ids"]
        )
        return lead, end or [self.eos[0]]

    def _bos_of_plain_text(self) -> list[int]:
        """The token that the tokenizer itself puts before a text, if it does."""
        bos = self.tokenizer.bos_token_id
        ids = self.tokenizer("a")["input_ids"]
        return [bos] if bos is not None and ids[:1] == [bos] else []


@contextmanager
def _refusals_of_rows() -> Iterator[None]:
    """The template passed its check when the model was added: what it refuses now is this row."""
    try:
        yield
    except ModelRejected as e:
        raise DataRefused(
            e.message, field="data", hint="The template may not take a system turn, or two turns of one role in a row."
        ) from e


@dataclass(frozen=True)
class Tokenised:
    examples: list[Example]
    too_long: list[str]
    truncated: int


def tokenise(rows: Iterable[Row], renderer: Renderer, longest: int, too_long: str) -> Tokenised:
    """Rows that have an answer as examples of at most `longest` tokens; the rest is counted, never lost in silence.

    For an encoder-decoder prompt and answer may each be that long.
    """
    kept, dropped, cut = [], [], 0
    for row in rows:
        example = renderer.example(row)
        excess = len(example.ids) - longest
        if renderer.apart:
            excess = example.start - longest if example.supervised <= longest else example.start
        if excess <= 0:
            kept.append(example)
        elif too_long == "truncate" and example.start > excess:
            kept.append(replace(example, ids=example.ids[excess:], start=example.start - excess))
            cut += 1
        else:
            dropped.append(row.row_id)
    return Tokenised(kept, dropped, cut)
