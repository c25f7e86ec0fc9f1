"""The text is in the right language."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator

from ..parts import Options
from .base import EachRow, Row, Verdict, asked
from .where import WHERE, Where, text_of


def known() -> tuple[str, ...]:
    """Every language that can be told. Read when asked for: the tables bring heavier modules along."""
    from ..data.profile.languages import BY_SCRIPT, CYRILLIC, LATIN

    return tuple(sorted({*LATIN, *CYRILLIC, *BY_SCRIPT.values(), "Arabic", "Persian"}))


class LanguageOptions(Options):
    languages: tuple[str, ...] = Field(
        (),
        max_length=60,
        title="Languages",
        description="In English, one a line (German, Japanese, …); empty: the language of the question.",
    )
    unsure: bool = Field(
        True, title="Keep the unsure", description="Texts whose language cannot be told, such as numbers and code."
    )
    where: Where = WHERE

    @field_validator("languages")
    @classmethod
    def _are_known(cls, languages: tuple[str, ...]) -> tuple[str, ...]:
        for name in languages:
            if name not in known():
                raise ValueError(f"{name!r} cannot be told; {', '.join(known())} can")
        return languages


class Language(EachRow):
    id = "language"
    title = "Language"
    summary = "Keeps a row when its text is in one of the languages, or in the language of its question."
    when_to_use = "After a multilingual teacher, which answers in English when it is unsure."
    formula = r"\mathrm{lang}(y) \in L"
    Options = LanguageOptions

    def one(self, row: Row, options: Any) -> Verdict:
        from ..data.profile.languages import NONE, UNKNOWN, language

        found = language(text_of(row, options.where))
        if found in (NONE, UNKNOWN):
            return Verdict(options.unsure, "" if options.unsure else "its language cannot be told")
        wanted = options.languages
        if not wanted:
            spoken = language(asked(row))
            if spoken in (NONE, UNKNOWN):
                return Verdict(options.unsure, "" if options.unsure else "the language of its question cannot be told")
            wanted = (spoken,)
        return Verdict(found in wanted, "" if found in wanted else f"is in {found}, {' or '.join(wanted)} is wanted")
