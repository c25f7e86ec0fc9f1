"""Put placeholders in the place of personal data and secrets."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator

from .. import private
from ..limits import count
from .base import Context, Log, Row, Step, extra
from .texts import WHERE, Where, texts_of, with_texts

KEY_BLOCK = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]{0,20000}?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)")
KINDS = tuple(private.PATTERNS)
OVERLAP = 600  # characters that neighbouring parts of a long text share, longer than any finding
Span = tuple[int, int, str]


class Redact(Step):
    """What looks like personal data by its form. Names and addresses of people have no form and stay: read the rows too."""

    title: ClassVar[str] = "Redact personal data"
    summary: ClassVar[str] = "E-mail addresses, phone and card numbers, keys, passwords become placeholders."
    group: ClassVar[str] = "Change texts"

    kind: Literal["redact"] = "redact"
    kinds: tuple[str, ...] = Field(
        KINDS,
        min_length=1,
        title="Kinds",
        description="What is looked for.",
        json_schema_extra=extra(options=list(KINDS)),
    )
    where: Where = Field(
        "everywhere", title="Look in", description="Which texts of a row.", json_schema_extra=extra(choices=WHERE)
    )
    placeholder: str = Field(
        "[{kind}]", max_length=100, title="Placeholder", description="{kind} stands for the kind: [e-mail address]."
    )

    @field_validator("kinds")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if wrong := [v for v in value if v not in KINDS]:
            raise ValueError(f"“{wrong[0]}” is not looked for; these are: {', '.join(KINDS)}")
        return value

    def words(self) -> str:
        return "Redact " + ("every known kind" if set(self.kinds) == set(KINDS) else ", ".join(self.kinds))

    def rows(self, rows: Iterable[Row], log: Log, context: Context, seen: Any) -> Iterator[Row]:
        total = Counter[str]()
        for row in rows:
            found, new = Counter[str](), []
            for text in texts_of(row, self.where):
                spans = self.spans(text)
                found.update(kind for _, _, kind in spans)
                new.append(self._redacted(text, spans))
            total += found
            if not found:
                yield row
                continue
            why = ", ".join(f"{n} × {kind}" for kind, n in sorted(found.items()))
            if (out := log.change(row, with_texts(row, self.where, new), why, ", ".join(sorted(found)))) is not None:
                yield out
        if total:
            log.note("; ".join(f"{kind}: {count(n, 'place')}" for kind, n in total.most_common()))

    def spans(self, text: str) -> list[Span]:
        """(start, end, kind) in the order of the text; of findings that overlap the one that starts first, then the longer."""
        found: list[Span] = []
        if "private key" in self.kinds and "-----BEGIN" in text:
            found += [(m.start(), m.end(), "private key") for m in KEY_BLOCK.finditer(text)]
        step = private.LOOKED_AT - OVERLAP
        for start in range(0, max(len(text) - OVERLAP, 1), step):
            part = text[start : start + private.LOOKED_AT]
            found += [(start + a, start + b, kind) for kind, a, b in private.find(part) if kind in self.kinds]
        out: list[Span] = []
        for span in sorted(set(found), key=lambda s: (s[0], -s[1], s[2])):
            if not out or span[0] >= out[-1][1]:
                out.append(span)
        return out

    def _redacted(self, text: str, spans: list[Span]) -> str:
        parts, end = [], 0
        for start, stop, kind in spans:
            parts += [text[end:start], self.placeholder.replace("{kind}", kind)]
            end = stop
        return "".join([*parts, text[end:]])
