"""A row as a model reads it: rendered by the model's chat template and cut into tokens, without transformers or torch.

Text of a row that looks like a control token (`<|im_end|>`) stays text: a mark is put inside each look-alike before
rendering, the rendered text is cut at the marks, and the pieces are tokenised apart.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..models import strict_json, template
from ..models.tokenizer import special_texts

SETTINGS = 64 * 2**20


@dataclass(frozen=True)
class Token:
    """One token: its id, the text it stands for ('' for the rest of a character that takes several), control or not."""

    id: int
    text: str
    control: bool


class Reader:
    """Tokenizer and template of one model folder. Load strangers' folders only in a limited child."""

    def __init__(self, folder: Path) -> None:
        from tokenizers import Tokenizer

        folder = Path(folder)
        config = folder / "tokenizer_config.json"
        settings = strict_json.read_object(config, SETTINGS) if config.is_file() else {}
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.no_truncation()
        self.tokenizer.no_padding()
        found = template.find(folder, settings)
        self.template, self.special = found or template.PLAIN, special_texts(settings)
        added = self.tokenizer.get_added_tokens_decoder()
        self.controls = {i for i, t in added.items() if t.special}
        texts = sorted((t.content for t in added.values() if len(t.content) > 1 and t.content.strip()), key=len, reverse=True)
        self._look_alike = re.compile("|".join(map(re.escape, texts))) if texts else None
        self.eos = self.tokenizer.token_to_id(self.special.get("eos_token", ""))
        bos = self.tokenizer.token_to_id(self.special.get("bos_token", ""))
        self.bos = [bos] if not found and bos is not None and self.tokenizer.encode("a").ids[:1] == [bos] else []

    def has_control_text(self, row: dict[str, Any]) -> bool:
        """True when a text of the row contains one of this tokenizer's own control or added tokens."""
        texts = [m["content"] for m in row["messages"]] + [row["answer"] or ""]
        return self._look_alike is not None and any(self._look_alike.search(t) for t in texts)

    def texts(self, messages: Sequence[dict[str, str]], answer: str | None) -> tuple[str, str, str]:
        """(prompt, what follows it with the answer, mark). The mark stands inside control look-alikes."""
        mark = unused_mark([*messages, {"content": answer or ""}])
        guarded = [{"role": m["role"], "content": self._broken(m["content"], mark)} for m in messages]
        prompt = template.render(self.template, guarded, True, self.special)
        if answer is None:
            return prompt, "", mark
        said = self._broken(answer, mark)
        full = template.render(self.template, [*guarded, {"role": "assistant", "content": said}], False, self.special)
        return prompt, full[len(prompt) :] if full.startswith(prompt) else said, mark

    def tokens(self, text: str, mark: str) -> list[Token]:
        """Tokens of a rendered text, cut at the marks."""
        out: list[Token] = []
        for piece in text.split(mark):
            encoded, end = self.tokenizer.encode(piece, add_special_tokens=False), 0
            for token, (start, stop) in zip(encoded.ids, encoded.offsets, strict=True):
                out.append(Token(token, piece[max(start, end) : stop], token in self.controls))
                end = max(end, stop)
        return out

    def row(self, row: dict[str, Any]) -> tuple[list[Token], list[Token], list[Token]]:
        """(prompt, answer through its end token, what the template writes behind it and training leaves out)."""
        prompt, tail, mark = self.texts(row["messages"], row["answer"])
        before = [Token(i, "", True) for i in self.bos] + self.tokens(prompt, mark)
        if row["answer"] is None:
            return before, [], []
        after = self.tokens(tail, mark)
        end = next((i for i, t in enumerate(after) if t.id == self.eos and t.control), None)
        if end is None:
            return before, [*after, *([Token(self.eos, "", True)] if self.eos is not None else [])], []
        return before, after[: end + 1], after[end + 1 :]

    def lengths(self, row: dict[str, Any]) -> tuple[int, int]:
        """Tokens of the prompt and of the answer (0 where unlabelled)."""
        prompt, answer, _ = self.row(row)
        return len(prompt), len(answer)

    def _broken(self, text: str, mark: str) -> str:
        if self._look_alike is None or not self._look_alike.search(text):
            return text
        return self._look_alike.sub(lambda m: m.group()[0] + mark + m.group()[1:], text)


def unused_mark(messages: Sequence[dict[str, Any]]) -> str:
    """A private-use character that no text of these messages contains."""
    text = "".join(m["content"] for m in messages)
    return next(chr(c) for c in range(0xE000, 0xF8FF) if chr(c) not in text)
