"""The answer came to its end."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from ..parts import Options
from .base import EachRow, Row, Verdict, shown, written

CLOSERS = {")": "(", "]": "[", "}": "{"}
ENDS = frozenset(".!?…。！？:;\"'”’»)]}>`*_|%°$")


class FinishOptions(Options):
    ending: bool = Field(
        True,
        title="Ends like a sentence",
        description="A text of 20 words or more must end in a mark, a number or a closed block.",
    )
    brackets: bool = Field(
        True, title="Everything closed", description="Code fences, <think> and brackets at the end must be closed."
    )
    shortest: int = Field(
        20, ge=1, le=10_000, title="Sentences from (words)", description="Shorter answers need no mark at the end."
    )


class Finished(EachRow):
    id = "finished"
    title = "Came to its end"
    summary = "Drops empty answers, answers the writer was cut off in, and texts that stop in the middle."
    when_to_use = "Always: a cut-off answer teaches the student to stop in the middle."
    formula = r"\mathrm{finish}(y) \ne \text{length} \,\wedge\, \mathrm{closed}(y)"
    Options = FinishOptions

    def one(self, row: Row, options: FinishOptions) -> Verdict:
        text = written(row).rstrip()
        if not text:
            return Verdict(False, "the answer is empty")
        lineage = row.fields.get("lineage")
        if isinstance(lineage, Mapping) and lineage.get("finish") in ("length", "max_tokens"):
            return Verdict(False, "the writer was cut off at the longest answer")
        if options.brackets and (opened := _unclosed(text)):
            return Verdict(False, f"{opened} is never closed")
        last = text[-1]
        if options.ending and len(text.split()) >= options.shortest and not (last in ENDS or last.isdigit()):
            return Verdict(False, f"stops in the middle: {shown(text[-40:])}")
        return Verdict(True)


def _unclosed(text: str) -> str | None:
    """What is open at the end; brackets count in the last 2,000 characters and where the text has both kinds."""
    if text.count("```") % 2:
        return "a fenced block"
    if text.count("<think>") > text.count("</think>"):
        return "<think>"
    tail, open_now = text[-2000:], []
    for c in tail:
        if c in "([{":
            open_now.append(c)
        elif c in CLOSERS and open_now and open_now[-1] == CLOSERS[c]:
            open_now.pop()
    if open_now and open_now[0] in "{[" and text.lstrip()[0] in "{[":
        return f"“{open_now[0]}”"
    return None
