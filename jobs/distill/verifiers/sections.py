"""The answer has the parts it should have, in order, none of them empty."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ..parts import Options, Paper
from .base import EachRow, Row, Verdict
from .where import WHERE, Where, text_of

PRESETS: dict[str, tuple[str, ...]] = {
    "irac": ("Issue", "Rule", "Application", "Conclusion"),
    "plan-reflect-answer": ("Plan", "Reflection", "Answer"),
    "thought-answer": ("Thought", "Answer"),
    "question-answer": ("Question", "Answer"),
    "own": (),
}
AROUND = " \t#*_>`-0123456789.()[]"  # what may stand before a heading on its line


class SectionOptions(Options):
    sections: Literal["irac", "plan-reflect-answer", "thought-answer", "question-answer", "own"] = Field(
        "irac",
        title="Sections",
        description="irac: Issue, Rule, Application, Conclusion. plan-reflect-answer: Plan, Reflection, Answer. thought-answer: Thought, Answer. question-answer: Question, Answer. own: the headings below.",
    )
    headings: tuple[str, ...] = Field(
        (),
        max_length=30,
        title="Own headings",
        description="One a line, in order, as they are written; case does not count.",
    )
    least: int = Field(
        1, ge=0, le=10_000, title="Words in each", description="A section with fewer words counts as empty."
    )
    ordered: bool = Field(True, title="In this order", description="Whether the order of the sections counts.")
    where: Where = WHERE


class Sections(EachRow):
    id = "sections"
    title = "Sections present"
    summary = "Keeps a row when its text has every section that was asked for, in order, with something in each."
    when_to_use = "Answers with a fixed build: legal analysis (IRAC), plan, reflection and answer, a report's headings."
    formula = r"\bigwedge_{i} h_i \in y \,\wedge\, \mathrm{pos}(h_i) < \mathrm{pos}(h_{i+1}) \,\wedge\, |s_i| \ge m"
    paper = Paper(
        title="A Llama walks into the 'Bar': Efficient Supervised Fine-Tuning for Legal Reasoning in the Multi-state Bar Exam",
        authors="Fernandes, Biedenkapp, Hutter, Awad", year=2025,
        url="https://arxiv.org/abs/2504.04945", arxiv="2504.04945",
    )  # fmt: skip
    Options = SectionOptions

    def one(self, row: Row, options: SectionOptions) -> Verdict:
        wanted = options.headings if options.sections == "own" else PRESETS[options.sections]
        found = split_sections(text_of(row, options.where), wanted)
        if missing := [h for h in wanted if h not in found]:
            return Verdict(False, f"the section {missing[0]!r} is missing")
        if options.ordered and list(found) != list(wanted):
            return Verdict(False, f"the sections stand in another order: {', '.join(found)}")
        for heading, text in found.items():
            if (words := len(text.split())) < options.least:
                return Verdict(False, f"the section {heading!r} has {words} words, at least {options.least} are wanted")
        return Verdict(True)


def split_sections(text: str, headings: tuple[str, ...]) -> dict[str, str]:
    """heading -> its text, in the order of the text; the first of a heading that stands twice opens it, both count.

    A heading begins a line, whatever marks stand before it, and ends at a colon, a mark or the end of the line.
    """
    out: dict[str, list[str]] = {}
    current: list[str] | None = None
    by_length = sorted(headings, key=len, reverse=True)
    for line in text.splitlines():
        bare = line.lstrip(AROUND)
        heading = next((h for h in by_length if _opens(bare, h)), None)
        if heading is not None:
            current = out.setdefault(heading, [])
            bare = bare[len(heading) :].lstrip(" \t:*_#.)]-–—")
        else:
            bare = line
        if current is not None:
            current.append(bare)
    return {heading: "\n".join(lines).strip() for heading, lines in out.items()}


def _opens(line: str, heading: str) -> bool:
    if line[: len(heading)].casefold() != heading.casefold():
        return False
    after = line[len(heading) :].strip(" \t*_#`")
    return not after or after[0] in ":-–—.)]" or line[len(heading) :].startswith(("**", "__"))
