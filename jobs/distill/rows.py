"""Rows become token ids: what the model reads, what it learns to say, and nothing that a row's text could forge."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from transformers import PreTrainedTokenizerBase

from .data.load import load_rows
from .data.split import assign_splits
from .errors import DataRefused
from .events import Events

# For a model without a chat template of its own: the texts, one a line, then the answer.
PLAIN_TEMPLATE = "{% for m in messages %}{{ m['content'] }}{% if not loop.last %}{{ '\n' }}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '\n' }}{% endif %}"


@dataclass(frozen=True)
class Row:
    """A canonical row. `labelled` stays what it was when a teacher's answer is filled in."""

    row_id: str
    messages: tuple[dict[str, str], ...]
    answer: str | None
    split: str
    line: int
    labelled: bool

    @property
    def question(self) -> str:
        """The last user turn: what pages show."""
        return self.messages[-1]["content"]


@dataclass(frozen=True)
class Example:
    """Token ids [length]; the answer, its end token included, is ids[start:]. Never padded, so masks come from lengths."""

    row_id: str
    ids: np.ndarray
    start: int
    labelled: bool

    @property
    def supervised(self) -> int:
        """Number of positions that predict an answer token."""
        return len(self.ids) - self.start

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
        rows.append(Row(r["row_id"], tuple(r["messages"]), r["answer"], split, int(r["line"] or 0), r["answer"] is not None))
    return rows


def rows_sha256(rows: Iterable[Row]) -> str:
    """Content hash of rows, independent of the file's encoding and order."""
    lines = sorted(json.dumps([r.row_id, list(r.messages), r.answer, r.split], ensure_ascii=False, sort_keys=True) for r in rows)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def stratified(rows: Sequence[Row], limit: int | None, seed: int = 0) -> list[Row]:
    """At most `limit` rows, spread evenly over the answers, in the order given. The first n rows are never a sample."""
    if limit is None or len(rows) <= limit:
        return list(rows)
    by_answer: dict[str | None, list[Row]] = {}
    for row in sorted(rows, key=lambda r: hashlib.sha256(f"{seed}:{r.row_id}".encode()).digest()):
        by_answer.setdefault(row.answer if row.labelled else None, []).append(row)
    # A row's place is its rank inside its own answer's rows, as a share: every answer is cut at the same depth.
    ranked = sorted(((i + 0.5) / len(group), n, row.row_id) for n, group in enumerate(by_answer.values()) for i, row in enumerate(group))
    chosen = {row_id for _, _, row_id in ranked[:limit]}
    return [row for row in rows if row.row_id in chosen]


class Renderer:
    """Messages to token ids through the model's own chat template.

    Text of a row that looks like a control token (`<|im_end|>`) is tokenised as the letters it is made of: before
    rendering, a mark is put inside each look-alike; the rendered text is cut at the marks and the pieces are tokenised
    apart, so that no control id can come out of content.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, eos: Sequence[int], events: Events | None = None) -> None:
        self.tokenizer = tokenizer
        self.eos = list(eos)
        self.template = getattr(tokenizer, "chat_template", None)
        self.bos: list[int] = []
        if not self.template:
            self.template = PLAIN_TEMPLATE
            self.bos = self._bos_of_plain_text()
            if events:
                events.reason("template", "plain text", "the model has no chat template: the texts, a line break, the answer")
        controls = sorted((str(t) for t in tokenizer.get_added_vocab()), key=len, reverse=True)
        controls = [c for c in controls if len(c) > 1 and c.strip()]
        self._controls = re.compile("|".join(map(re.escape, controls))) if controls else None

    def prompt(self, messages: Sequence[dict[str, str]]) -> list[int]:
        """Ids up to where the answer starts: exactly what generation is given."""
        mark = _unused_mark(messages)
        return self.bos + self._encode(self._render(self._guard(messages, mark), mark, True), mark)

    def answer(self, messages: Sequence[dict[str, str]], answer: str) -> list[int]:
        """Ids of the answer as the template closes it, through the first end token, which is always there."""
        turn = {"role": "assistant", "content": answer}
        mark = _unused_mark([*messages, turn])
        guarded = self._guard([*messages, turn], mark)
        prompt = self._render(guarded[:-1], mark, True)
        full = self._render(guarded, mark, False)
        # Templates that rewrite earlier turns do not extend their own prompt: then the plain answer is what follows.
        tail = full[len(prompt) :] if full.startswith(prompt) else guarded[-1]["content"]
        ids = self._encode(tail, mark)
        end = next((i for i, token in enumerate(ids) if token in self.eos), None)
        return ids[: end + 1] if end is not None else [*ids, self.eos[0]]

    def example(self, row: Row) -> Example:
        """The row with its answer as ids; the row must have one."""
        prompt, answer = self.prompt(row.messages), self.answer(row.messages, row.answer or "")
        return Example(row.row_id, np.asarray(prompt + answer, dtype=np.int32), len(prompt), row.labelled)

    def decode(self, ids: Sequence[int]) -> str:
        return str(self.tokenizer.decode(list(ids), skip_special_tokens=True))

    def _render(self, messages: Sequence[dict[str, str]], mark: str, ask: bool) -> str:
        try:
            return str(self.tokenizer.apply_chat_template(list(messages), chat_template=self.template, tokenize=False, add_generation_prompt=ask))
        except Exception as e:  # the template is the model author's program: any error of it is for people
            text = str(e).replace(mark, "")[:300]
            raise DataRefused(f"The chat template refused a row: {text}", field="data", hint="The template may not take a system turn, or two turns of one role in a row.") from e

    def _guard(self, messages: Sequence[dict[str, str]], mark: str) -> list[dict[str, str]]:
        return [{"role": m["role"], "content": self._broken(m["content"], mark)} for m in messages]

    def _broken(self, text: str, mark: str) -> str:
        if self._controls is None or not self._controls.search(text):
            return text
        return self._controls.sub(lambda m: m.group()[0] + mark + m.group()[1:], text)

    def _encode(self, text: str, mark: str) -> list[int]:
        pieces = text.split(mark)
        return [i for piece in pieces if piece for i in self.tokenizer(piece, add_special_tokens=False)["input_ids"]]

    def _bos_of_plain_text(self) -> list[int]:
        """The token that the tokenizer itself puts before a text, if it does."""
        bos = self.tokenizer.bos_token_id
        ids = self.tokenizer("a")["input_ids"]
        return [bos] if bos is not None and ids[:1] == [bos] else []


@dataclass(frozen=True)
class Tokenised:
    examples: list[Example]
    too_long: list[str]
    truncated: int


def tokenise(rows: Iterable[Row], renderer: Renderer, longest: int, too_long: str) -> Tokenised:
    """Rows that have an answer as examples of at most `longest` tokens; the rest is counted, never lost in silence."""
    kept, dropped, cut = [], [], 0
    for row in rows:
        example = renderer.example(row)
        excess = len(example.ids) - longest
        if excess <= 0:
            kept.append(example)
        elif too_long == "truncate" and example.start > excess:
            kept.append(replace(example, ids=example.ids[excess:], start=example.start - excess))
            cut += 1
        else:
            dropped.append(row.row_id)
    return Tokenised(kept, dropped, cut)


def _unused_mark(messages: Sequence[dict[str, Any]]) -> str:
    """A character of the private-use area that no text of these messages contains."""
    text = "".join(m["content"] for m in messages)
    return next(chr(c) for c in range(0xE000, 0xF8FF) if chr(c) not in text)
