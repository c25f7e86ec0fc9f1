"""Sections: found under their headings, in order, none empty."""

from __future__ import annotations

import pytest

from jobs.distill.verifiers.sections import Sections, split_sections

from .rows import oks, reason, row

IRAC = "## Issue\nWhether.\n\n**Rule:** The law says so.\nApplication - It fits\n4. Conclusion: Yes."


def test_a_text_falls_into_its_sections() -> None:
    found = split_sections(IRAC, ("Issue", "Rule", "Application", "Conclusion"))
    assert found == {"Issue": "Whether.", "Rule": "The law says so.", "Application": "It fits", "Conclusion": "Yes."}


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        (IRAC, {}, None),
        (IRAC.replace("Application", "Analysis"), {}, "'Application' is missing"),
        (IRAC.replace("Whether.", ""), {}, "'Issue' has 0 words"),
        ("Rule: a\nIssue: b\nApplication: c\nConclusion: d", {}, "another order: Rule, Issue"),
        ("Rule: a\nIssue: b\nApplication: c\nConclusion: d", {"ordered": False}, None),
        ("Issue: a\nThe Rule of law\nApplication: c\nConclusion: d", {}, "'Rule' is missing"),
        ("Issue: a\nRule of law is it\nApplication: c\nConclusion: d", {}, "'Rule' is missing"),
        ("Plan: x\nReflection: y\nAnswer: 5", {"sections": "plan-reflect-answer"}, None),
        ("intro\nPRO\nx y\nCON\nz", {"sections": "own", "headings": ["Pro", "Con"], "least": 1}, None),
        ("Pro\nx y\nCon\nz", {"sections": "own", "headings": ["Pro", "Con"], "least": 2}, "'Con' has 1 words"),
        ("", {}, "'Issue' is missing"),
    ],
)
def test_every_section_must_be_there(text: str, options: dict[str, object], words: str | None) -> None:
    if words is None:
        assert oks(Sections, [row(text)], **options) == [True]
    else:
        assert words in reason(Sections, row(text), **options)
