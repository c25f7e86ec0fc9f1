"""The bytes each token of a tokenizer stands for, whatever notation its vocabulary file uses."""

from __future__ import annotations

import json
import re
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

BYTE_TOKEN = re.compile(r"<0x([0-9A-Fa-f]{2})>")
SPACE = "\u2581"  # sentencepiece's sign for a space


def byte_alphabet() -> dict[str, int]:
    """Letter -> byte of byte-level vocabularies: printable Latin-1 stands for itself, the other bytes follow from U+0100 on."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [b for b in range(256) if b not in printable]
    return {chr(b): b for b in printable} | {chr(256 + i): b for i, b in enumerate(rest)}


class Spelling:
    """Token id -> bytes. Byte-level BPE, sentencepiece with byte fallback, WordPiece and plain words."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self.tokenizer = tokenizer
        self.control: set[int | None] = set(tokenizer.all_special_ids)
        self.added: dict[int, str] = {}
        for id, token in tokenizer.added_tokens_decoder.items():
            self.added[id] = str(token.content)
            if token.special:
                self.control.add(id)
        ends = {tokenizer.eos_token_id, tokenizer.bos_token_id, tokenizer.pad_token_id}
        self.unknown = tokenizer.unk_token_id if tokenizer.unk_token_id not in ends else None
        self.control.discard(self.unknown)  # stands for a text, only nobody knows which
        self._alphabet = byte_alphabet()
        self._kinds = _kinds(tokenizer)
        self._known: dict[int, bytes | None] = {}

    def __call__(self, id: int) -> bytes | None:
        """Bytes of a token as it stands inside a text; None for control tokens, which stand for no text."""
        if id not in self._known:
            self._known[id] = None if id in self.control else self._spell(id)
        return self._known[id]

    def _spell(self, id: int) -> bytes | None:
        if id == self.unknown:
            return "\ufffd".encode()
        if id in self.added:
            return self.added[id].encode()
        token = self.tokenizer.convert_ids_to_tokens(id)
        if not isinstance(token, str):
            return None
        if "ByteLevel" in self._kinds and all(c in self._alphabet for c in token):
            return bytes(self._alphabet[c] for c in token)
        if found := BYTE_TOKEN.fullmatch(token):
            return bytes([int(found[1], 16)])
        if prefix := self._kinds.get("WordPiece"):
            token = token.removeprefix(prefix)
        if suffix := self._kinds.get("BPEDecoder"):
            token = token.removesuffix(suffix)
        return token.replace(SPACE, " ").encode()

    @cached_property
    def is_plain(self) -> bool:
        """Whether a text is its tokens' bytes one after another; decoders for words put spaces between them."""
        return bool({"ByteLevel", "ByteFallback", "Metaspace", "Replace"} & set(self._kinds))

    @cached_property
    def vocabulary(self) -> dict[int, bytes]:
        """Every id that stands for text."""
        spelled = ((id, self(id)) for id in self.tokenizer.get_vocab().values())
        return {id: text for id, text in sorted(spelled) if text}

    @cached_property
    def word_starts(self) -> list[int]:
        """Ids after which a word has surely ended: tokens that begin with white space, and the end tokens."""
        starts = [id for id, text in self.vocabulary.items() if text[:1].isspace()]
        return sorted({*starts, *(id for id in self.control if id is not None)})


def _kinds(tokenizer: Any) -> dict[str, str]:
    """Names of the decoder's steps with the mark each of them removes."""
    decoder = getattr(getattr(tokenizer, "backend_tokenizer", None), "decoder", None)
    if decoder is None:
        return {}
    state = json.loads(decoder.__getstate__())
    steps = state.get("decoders", [state])
    return {s["type"]: s.get("prefix") or s.get("suffix") or "" for s in steps if isinstance(s, dict) and "type" in s}
