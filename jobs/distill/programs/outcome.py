"""What came of a program."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Number = int | float
Kind = Literal["ok", "refused", "failed", "limit"]


@dataclass(frozen=True)
class Outcome:
    """kind: ok; refused (something in it is not allowed, nothing of it ran); failed (it ran and went wrong); limit (it ran
    into a limit and was ended). `why` is a sentence with the line where there is one."""

    kind: Kind
    value: Number | None = None
    why: str = ""
    line: int | None = None
    steps: int = 0
    output: str = ""

    @property
    def ok(self) -> bool:
        return self.kind == "ok"
