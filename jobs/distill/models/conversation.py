"""A row as text for a model: rendered by its chat template, in which no text of the row can forge a control token.

Text that looks like a control token (`<|im_end|>`) stays text: a mark is put inside each look-alike before rendering, and
the rendered text is cut at the marks. The pieces are tokenised apart, so that no control id can come out of content.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ..errors import ModelRejected
from . import template

Turn = dict[str, str]  # {"role", "content"}


class Conversation:
    """One model's template (None: plain lines), its special tokens (`bos_token` ...) and the texts of its added tokens."""

    def __init__(self, text: str | None, special: dict[str, str], controls: Iterable[str]) -> None:
        self.template, self.special = text or template.PLAIN, special
        texts = sorted((t for t in controls if len(t) > 1 and t.strip()), key=len, reverse=True)
        self._look_alike = re.compile("|".join(map(re.escape, texts))) if texts else None

    def has_control_text(self, text: str) -> bool:
        """True when the text contains one of this model's own control or added tokens."""
        return self._look_alike is not None and self._look_alike.search(text) is not None

    def prompt(self, messages: Sequence[Turn]) -> list[str]:
        """Pieces of the text up to where the answer starts: exactly what generation is given. Raises ModelRejected."""
        mark = _unused_mark(messages)
        return self._render(self._guarded(messages, mark), True, mark).split(mark)

    def answer(self, messages: Sequence[Turn], answer: str) -> list[str]:
        """Pieces of what follows the prompt: the answer as the template closes it. Raises ModelRejected."""
        turns = [*messages, {"role": "assistant", "content": answer}]
        mark = _unused_mark(turns)
        guarded = self._guarded(turns, mark)
        prompt, full = self._render(guarded[:-1], True, mark), self._render(guarded, False, mark)
        # Templates that rewrite earlier turns do not extend their own prompt: then the plain answer is what follows.
        return (full[len(prompt) :] if full.startswith(prompt) else guarded[-1]["content"]).split(mark)

    def plain(self, text: str) -> list[str]:
        """Pieces of raw text that stands alone, outside any template."""
        mark = _unused_mark([{"role": "user", "content": text}])
        return self._broken(text, mark).split(mark)

    def _render(self, turns: list[Turn], ask: bool, mark: str) -> str:
        try:
            return template.render(self.template, turns, ask, self.special)
        except ModelRejected as e:  # the author's own words may repeat a text of the row
            raise ModelRejected(e.message.replace(mark, ""), code=e.code, field=e.field, hint=e.hint) from None

    def _guarded(self, turns: Sequence[Turn], mark: str) -> list[Turn]:
        return [{"role": t["role"], "content": self._broken(t["content"], mark)} for t in turns]

    def _broken(self, text: str, mark: str) -> str:
        return self._look_alike.sub(lambda m: m.group()[0] + mark + m.group()[1:], text) if self._look_alike else text


class TwoTexts(Conversation):
    """An encoder-decoder without a template (T5, BART): the encoder reads the texts of the turns, one a line, the decoder
    writes the answer as a text of its own. Each stands between the tokens its tokenizer puts around a text (`frame_of`)."""

    def __init__(self, special: dict[str, str], controls: Iterable[str]) -> None:
        super().__init__(template.TURNS, special, controls)

    def answer(self, messages: Sequence[Turn], answer: str) -> list[str]:
        """Pieces of the answer."""
        return self.plain(answer)


def conversation_of(text: str | None, special: dict[str, str], controls: Iterable[str], kind: str) -> Conversation:
    """How a model of this kind (see families.Kind) reads a row; text: its own template, None where it has none."""
    return (
        TwoTexts(special, controls) if kind == "encoder-decoder" and not text else Conversation(text, special, controls)
    )


def frame_of(framed: Sequence[int], bare: Sequence[int]) -> tuple[list[int], list[int]]:
    """The tokens that a tokenizer puts before and after a text, from the ids of one text with and without them."""
    n = len(bare)
    for at in range(len(framed) - n + 1):
        if list(framed[at : at + n]) == list(bare):
            return list(framed[:at]), list(framed[at + n :])
    return [], []


def _unused_mark(turns: Sequence[Turn]) -> str:
    """A private-use character that no text of these turns contains."""
    text = "".join(t["content"] for t in turns)
    return next(chr(c) for c in range(0xE000, 0xF8FF) if chr(c) not in text)
