"""A row as a model reads it, token by token with the text each stands for; without transformers or torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..align.spelling import BYTE_TOKEN, SPACE, byte_alphabet
from ..models import template
from ..models.config import eos_ids, kind_of
from ..models.conversation import TwoTexts, conversation_of, frame_of
from ..models.tokenizer import read_settings, special_texts

ALPHABET = byte_alphabet()


@dataclass(frozen=True)
class Token:
    """One token: its id, the text it stands for ('' for the rest of a character that takes several), control or not.

    `start` and `stop`: the characters of the rendered text it covers, stop not included; equal where it covers none.
    """

    id: int
    text: str
    control: bool
    start: int = 0
    stop: int = 0


class Reader:
    """Tokenizer and template of one model folder. Load strangers' folders only in a limited child."""

    def __init__(self, folder: Path) -> None:
        from tokenizers import Tokenizer

        folder = Path(folder)
        settings = read_settings(folder)
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.no_truncation()
        self.tokenizer.no_padding()
        self._byte_level = "ByteLevel" in str(self.tokenizer.decoder)
        added = self.tokenizer.get_added_tokens_decoder()
        self.controls = {i for i, t in added.items() if t.special}
        found, special = template.find(folder, settings), special_texts(settings)
        self.conversation = conversation_of(found, special, (t.content for t in added.values()), kind_of(folder))
        self.eos = eos_ids(folder, self.tokenizer.token_to_id(special.get("eos_token", "")))
        bos = self.tokenizer.token_to_id(special.get("bos_token", ""))
        self.lead: list[int] = []  # before prompt and answer of an encoder-decoder, and behind its prompt
        self.end: list[int] = []
        if isinstance(self.conversation, TwoTexts):
            self.lead, end = frame_of(self.tokenizer.encode("a").ids, self._ids("a"))
            self.end = end or self.eos[:1]
        self.bos = [bos] if not found and bos is not None and self.tokenizer.encode("a").ids[:1] == [bos] else []

    def has_control_text(self, row: dict[str, Any]) -> bool:
        """True when a text of the row contains one of this tokenizer's own control or added tokens."""
        return any(
            self.conversation.has_control_text(t)
            for t in (*(m["content"] for m in row["messages"]), row["answer"] or "")
        )

    def texts(self, row: dict[str, Any]) -> tuple[list[str], list[str]]:
        """Pieces of the prompt, and of what follows it with the answer (none where unlabelled)."""
        messages, answer = row["messages"], row["answer"]
        return self.conversation.prompt(messages), [] if answer is None else self.conversation.answer(messages, answer)

    def tokens(self, pieces: Sequence[str], base: int = 0) -> list[Token]:
        """Tokens of a rendered text that begins at character `base`, each piece apart."""
        out: list[Token] = []
        for piece in pieces:
            encoded, end = self.tokenizer.encode(piece, add_special_tokens=False), 0
            for token, (start, stop) in zip(encoded.ids, encoded.offsets, strict=True):
                first, end = max(start, end), max(end, stop)
                text = piece[first:stop]
                out.append(Token(token, text, token in self.controls, base + min(first, end), base + end))
            base += len(piece)
        return out

    def row(self, row: dict[str, Any]) -> tuple[list[Token], list[Token], list[Token]]:
        """(prompt, answer through its end token, what the template writes behind it and training leaves out)."""
        prompt, tail = self.texts(row)
        before = self._controls(self.lead or self.bos) + self.tokens(prompt) + self._controls(self.end)
        if row["answer"] is None:
            return before, [], []
        after = self._controls(self.lead) + self.tokens(tail, sum(map(len, prompt)))
        end = next((i for i, t in enumerate(after) if t.id in self.eos), None)
        if end is None:
            return before, [*after, *self._controls(self.eos[:1])], []
        return before, after[: end + 1], after[end + 1 :]

    @staticmethod
    def _controls(ids: Sequence[int]) -> list[Token]:
        """Tokens that stand for no text of the row."""
        return [Token(i, "", True) for i in ids]

    def spelled(self, id: int) -> tuple[str, bytes | None]:
        """How the vocabulary writes a token, and the bytes it stands for; None: it stands for no text."""
        token = self.tokenizer.id_to_token(id) or ""
        if id in self.controls:
            return token, None
        if self._byte_level and all(c in ALPHABET for c in token):
            return token, bytes(ALPHABET[c] for c in token)
        if found := BYTE_TOKEN.fullmatch(token):
            return token, bytes([int(found[1], 16)])
        return token, token.removeprefix("##").replace(SPACE, " ").encode("utf-8", "replace")

    def lengths(self, row: dict[str, Any]) -> tuple[int, int]:
        """Tokens of the prompt and of the answer (0 where unlabelled): as many as `row` gives, without making them."""
        prompt, tail = self.texts(row)
        before = len(self.lead or self.bos) + sum(len(self._ids(piece)) for piece in prompt) + len(self.end)
        if row["answer"] is None:
            return before, 0
        after = [*self.lead, *(i for piece in tail for i in self._ids(piece))]
        end = next((at for at, i in enumerate(after) if i in self.eos), len(after))
        return before, end + 1 if end < len(after) else len(after) + len(self.eos[:1])

    def _ids(self, piece: str) -> list[int]:
        return list(self.tokenizer.encode(piece, add_special_tokens=False).ids)
