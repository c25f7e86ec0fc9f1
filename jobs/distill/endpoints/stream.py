"""Server-sent events, as bytes arrive."""

from __future__ import annotations

import codecs
from collections.abc import Callable

from .problems import Bad

EVENT = 2 * 2**20  # characters of one event


class Events:
    """Calls `event(name, data)` for each whole event. Bytes may be cut anywhere."""

    def __init__(self, event: Callable[[str, str], None]) -> None:
        self._event = event
        self._rest = list[str]()  # pieces of a line that has not ended: put together once, however small they are
        self._decoder = codecs.getincrementaldecoder("utf-8")("strict")
        self._name, self._data = "", list[str]()
        self._size = 0  # characters of the event so far

    def feed(self, data: bytes) -> None:
        """Raises Bad for bytes that are no text, and for an event without an end."""
        try:
            text = self._decoder.decode(data)
        except UnicodeDecodeError:
            raise Bad("the stream holds bytes that are not UTF-8.") from None
        *ended, rest = text.split("\n")
        for line in ended:
            self._size += len(line) + 1
            self._line("".join((*self._rest, line)).removesuffix("\r"))
            self._rest.clear()
        if rest:
            self._rest.append(rest)
            self._size += len(rest)
        if self._size > EVENT:
            raise Bad(f"an event of the stream is longer than {EVENT:,} characters.")

    def _line(self, line: str) -> None:
        if not line:
            if self._data:
                self._event(self._name, "\n".join(self._data))
            self._name, self._data, self._size = "", [], 0
            return
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._name = value
