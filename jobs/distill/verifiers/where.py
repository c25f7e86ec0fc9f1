"""Which text of a row a verifier looks at."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from .base import Row, asked, gold_of, rationale_of, written

Where = Literal["answer", "rationale", "question", "both", "gold"]
ABOUT = (
    "answer: what was written. rationale: the reasoning beside it. question: the user's turns. both: rationale and answer. "
    "gold: the answer the data came with."
)
WHERE: Any = Field("answer", title="Look in", description=ABOUT)
BOTH: Any = Field("both", title="Look in", description=ABOUT)


def text_of(row: Row, where: Where) -> str:
    """The text; empty where the row has none."""
    if where == "both":
        return "\n\n".join(t for t in (rationale_of(row), written(row)) if t)
    if where == "gold":
        return gold_of(row) or ""
    return {"answer": written, "rationale": rationale_of, "question": asked}[where](row)
