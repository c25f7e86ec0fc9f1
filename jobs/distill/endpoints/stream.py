"""Server-sent events, as bytes arrive."""

from __future__ import annotations

import codecs
from collections.abc import Callable

from .problems import Bad

LINE = 2 * 2**20  # characters of one event


class Events:
    """Calls `event(name, data)` for each whole event. Bytes may be cut anywhere."""

    def __init__(self, event: Callable[[str, str], None]) -> None:
        self._event, self._rest = event, ""
        self._decoder = codecs.getincrementaldecoder("utf-8")("strict")
        self._name, self._data = "", list[str]()
        self._size = 0

    def feed(self, data: bytes) -> None:
        """Raises Bad for bytes that are no text, and for an event without an end."""
        try:
            text = self._rest + self._decoder.decode(data)
        except UnicodeDecodeError:
            raise Bad("the stream holds bytes that are not UTF-8.") from None
        lines = text.split("\n")
        self._rest = lines.pop()
        self._size += len(data)
        for line in lines:
            self._line(line.removesuffix("\r"))
        if self._size > LINE:
            raise Bad(f"an event of the stream is longer than {LINE:,} characters.")

    def _line(self, line: str) -> None:
        if not line:
            if self._data:
                self._event(self._name, "\n".join(self._data))
            self._name, self._data, self._size = "", [], len(self._rest)
            return
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._name = value
