"""Forms that are recognised by a regular expression from our own list; nobody's own expression is ever run.

Every expression is checked by a test to need time in proportion to the text: no repeat inside a repeat over the same
characters.
"""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field

from ..parts import Options
from .base import EachRow, Row, Verdict, shown
from .where import WHERE, Where, text_of

LOOKED_AT = 100_000  # characters

Name = Literal[
    "number", "integer", "date", "time", "e-mail", "url", "phone", "currency", "percent", "letter-choice", "yes-no",
    "true-false", "score-1-10", "json-object", "code-block", "python-block", "latex-boxed", "calculator", "bullets",
    "numbered-steps", "one-sentence", "one-line", "one-word", "think-tags", "answer-marker", "question", "language-tag",
    "markdown-heading", "markdown-table", "ascii", "cites",
]  # fmt: skip

PATTERNS: dict[str, tuple[str, str]] = {  # name: what it is, expression
    "number": ("a number", r"(?<![\w.])[-+]?\d+(?:[.,]\d+)*"),
    "integer": ("a whole number", r"(?<![\w.,])[-+]?\d+(?![\w]|[.,]\d)"),
    "date": ("a date such as 2024-05-01, 1.5.2024 or 1 May 2024", r"\b\d{4}-\d{2}-\d{2}\b|\b\d{1,2}[./]\d{1,2}[./]\d{2,4}\b|\b\d{1,2} (?:January|February|March|April|May|June|July|August|September|October|November|December) \d{4}\b|\b(?:January|February|March|April|May|June|July|August|September|October|November|December) \d{1,2}, \d{4}\b"),
    "time": ("a time such as 14:05", r"\b(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d)?\b"),
    "e-mail": ("an e-mail address", r"\b[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,5}\b"),
    "url": ("a web address", r"\bhttps?://[^\s<>\"]{1,2000}"),
    "phone": ("a phone number", r"(?<!\w)\+?\d{1,4}(?:[ ./()-]{1,2}\d{2,8}){2,5}(?!\w)"),
    "currency": ("an amount of money", r"[$€£¥]\s?\d|\d\s?(?:[$€£¥]|USD|EUR|GBP|dollars?|euros?|pounds?)"),
    "percent": ("a percentage", r"\d\s?(?:%|percent\b|per cent\b)"),
    "letter-choice": ("one of A to J, in brackets or not", r"(?<!\w)\(?[A-J]\)?(?!\w)"),
    "yes-no": ("yes or no", r"(?i:\b(?:yes|no)\b)"),
    "true-false": ("true or false", r"(?i:\b(?:true|false)\b)"),
    "score-1-10": ("a score from 1 to 10", r"(?<![\w.,-])(?:10|[1-9])(?![\w]|[.,]\d)"),
    "json-object": ("something between { and }", r"\{[^{}]{0,20000}\}"),
    "code-block": ("a fenced block of code", r"```[^\n`]{0,40}\n[^`]{1,50000}```"),
    "python-block": ("a fenced block of Python", r"```(?:python|py)[0-9]?[ \t]{0,4}\n[^`]{1,50000}```"),
    "latex-boxed": (r"\boxed{…}", r"\\boxed\{[^{}]{1,200}(?:\{[^{}]{0,200}\}[^{}]{0,200}){0,4}\}"),
    "calculator": ("a calculation such as <<48/2=24>>", r"<<[^<>=]{1,200}=[^<>=]{1,100}>>"),
    "bullets": ("a list with bullets, two or more", r"(?m:^[ \t]{0,8}[-*•] \S[^\n]*\n(?:[^\n]*\n){0,3}?[ \t]{0,8}[-*•] \S)"),
    "numbered-steps": ("numbered steps, from 1 to at least 2", r"(?ms:\A(?>.*?^[ \t]{0,8}(?:Step )?1[.):]).*?^[ \t]{0,8}(?:Step )?2[.):])"),
    "one-sentence": ("one sentence", r"\A\s*+[^\s.!?][^.!?\n]*+[.!?]?+\s*+\Z"),
    "one-line": ("one line", r"\A\s*+\S[^\n]*+\s*+\Z"),
    "one-word": ("one word", r"\A\s*+\S++\s*+\Z"),
    "think-tags": ("reasoning inside <think> and </think>, then something", r"\A\s*<think>[^<]{0,90000}</think>\s*\S"),
    "answer-marker": ("a line with the answer after “Answer:”, “the answer is” or ####", r"(?i:####[ \t]{0,9}\S|\banswer[ \t]{0,4}(?:is[ \t]{0,4}:?|:)[ \t*]{0,9}\S)"),
    "question": ("a question mark at the end", r"[?？][\"'”’)]{0,3}\s*\Z"),
    "language-tag": ("a language tag such as en or pt-BR", r"(?<![\w-])[a-z]{2,3}(?:-[A-Z]{2})?(?![\w-])"),
    "markdown-heading": ("a Markdown heading", r"(?m:^#{1,6} \S)"),
    "markdown-table": ("a Markdown table", r"(?m:^\|[^\n]{1,2000}\|[ \t]{0,8}\n\|(?:[ \t]{0,8}:?-{1,200}:?[ \t]{0,8}\|){1,50})"),
    "ascii": ("letters of ASCII only", r"\A[\x09\x0a\x0d\x20-\x7e]+\Z"),
    "cites": ("a mark such as [3]", r"\[\d{1,3}\]"),
}  # fmt: skip
COMPILED = {name: re.compile(expression) for name, (_, expression) in PATTERNS.items()}


class PatternOptions(Options):
    pattern: Name = Field(
        "answer-marker",
        title="Form",
        description="; ".join(f"{name}: {what}" for name, (what, _) in PATTERNS.items()) + ".",
    )
    whole: bool = Field(
        False, title="Nothing else", description="Whether the text must be that form alone, without anything around it."
    )
    action: Literal["keep", "drop"] = Field("keep", title="Rows with it are", description="Kept or dropped.")
    where: Where = WHERE


class Pattern(EachRow):
    id = "pattern"
    title = "Has a form from the list"
    summary = (
        "Keeps or drops rows whose text has a known form: a date, an address, a code block, an answer line and others."
    )
    when_to_use = (
        "To keep answers in the form that was asked for. There are no expressions of your own: one could take forever."
    )
    formula = r"\mathbb{1}\left[y \in L(r)\right]"
    Options = PatternOptions

    def one(self, row: Row, options: PatternOptions) -> Verdict:
        text, expression = text_of(row, options.where), COMPILED[options.pattern]
        if len(text) > LOOKED_AT:
            return Verdict(False, f"the text has {len(text):,} characters; {LOOKED_AT:,} are looked at")
        found = expression.fullmatch(text.strip()) if options.whole else expression.search(text)
        what = PATTERNS[options.pattern][0]
        if (found is not None) == (options.action == "keep"):
            return Verdict(True)
        if found is not None:
            return Verdict(False, f"has {what}: {shown(found[0])}")
        return Verdict(False, f"is not {what} alone" if options.whole else f"has not {what}")
