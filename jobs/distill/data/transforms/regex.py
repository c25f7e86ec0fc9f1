"""Regular expressions from people, by RE2: its time grows with the text alone, so that no expression can hang a worker."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

LONGEST = 1000  # characters of an expression


class Pattern:
    """A compiled expression, or a plain text to find. Texts go through in batches. Raises ValueError for a wrong one."""

    def __init__(self, text: str, *, plain: bool = False, ignore_case: bool = False, replacement: str = "") -> None:
        if len(text) > LONGEST:
            raise ValueError(f"the expression has {len(text):,} characters; the limit is {LONGEST:,}")
        self.text = quoted(text) if plain else text
        if ignore_case:
            self.text = f"(?i){self.text}"
        self.replacement = replacement.replace("\\", "\\\\") if plain else replacement
        try:
            self.replaced([""])
        except pa.ArrowInvalid as e:
            raise ValueError(_said(e)) from None

    def found(self, texts: Sequence[str]) -> list[bool]:
        return list(pc.match_substring_regex(pa.array(texts, pa.large_string()), self.text).to_pylist())

    def counted(self, texts: Sequence[str]) -> list[int]:
        return list(pc.count_substring_regex(pa.array(texts, pa.large_string()), self.text).to_pylist())

    def replaced(self, texts: Sequence[str]) -> list[str]:
        column = pa.array(texts, pa.large_string())
        return list(pc.replace_substring_regex(column, self.text, self.replacement).to_pylist())


def quoted(text: str) -> str:
    """An expression that finds this text as it stands. RE2 takes a backslash before any sign of ASCII that is no word sign."""
    return "".join("\\" + c if c.isascii() and not c.isalnum() and c not in "_ \n\t" else c for c in text)


def _said(error: Exception) -> str:
    message = str(error).splitlines()[0]
    if "(?=" in message or "(?!" in message or "(?<" in message or "perl operator" in message:
        return f"{message} (look-ahead, look-behind and back references are not supported)"
    return message[0].lower() + message[1:]
