"""An instruction with {{variables}}: what they are, and the text for a row. Only the instruction is rendered, never a row."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .templates import VARIABLES

VARIABLE = re.compile(r"\{\{([^{}\n]{1,300})\}\}")
LABELS_SHOWN = 500
LANGUAGES = {  # without id and no, which name other things more often
    "ar": "Arabic", "ara": "Arabic", "bg": "Bulgarian", "bul": "Bulgarian", "cs": "Czech", "ces": "Czech",
    "da": "Danish", "dan": "Danish", "de": "German", "deu": "German", "ger": "German", "el": "Greek", "ell": "Greek",
    "en": "English", "eng": "English", "es": "Spanish", "spa": "Spanish", "fa": "Persian", "fas": "Persian",
    "fi": "Finnish", "fin": "Finnish", "fr": "French", "fra": "French", "he": "Hebrew", "heb": "Hebrew",
    "hi": "Hindi", "hin": "Hindi", "hu": "Hungarian", "hun": "Hungarian", "ind": "Indonesian",
    "it": "Italian", "ita": "Italian", "ja": "Japanese", "jpn": "Japanese", "ko": "Korean", "kor": "Korean",
    "nl": "Dutch", "nld": "Dutch", "nb": "Norwegian", "nor": "Norwegian", "pl": "Polish", "pol": "Polish",
    "pt": "Portuguese", "por": "Portuguese", "ro": "Romanian", "ron": "Romanian", "ru": "Russian", "rus": "Russian",
    "sv": "Swedish", "swe": "Swedish", "th": "Thai", "tha": "Thai", "tr": "Turkish", "tur": "Turkish",
    "uk": "Ukrainian", "ukr": "Ukrainian", "ur": "Urdu", "urd": "Urdu", "vi": "Vietnamese", "vie": "Vietnamese",
    "zh": "Chinese", "zho": "Chinese", "cmn": "Chinese",
}  # fmt: skip
NAMES = {name.lower(): name for name in LANGUAGES.values()}


class InstructionWrong(ValueError):
    """(message, remedy) for a variable that nothing fills."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


def variables_in(text: str) -> list[str]:
    return list(dict.fromkeys(name.strip() for name in VARIABLE.findall(text)))


def language_of(column: str) -> str:
    """`German` for a column named de, deu, German, formal.de or text_de; '' where its name says no language."""
    words = [w for w in re.split(r"[^a-z]+", column.lower()) if w]
    if "".join(words) in NAMES:
        return NAMES["".join(words)]
    found = [LANGUAGES[w] for w in (words[:1] + words[-1:]) if w in LANGUAGES and (len(words) > 1 or len(w) > 1)]
    return found[-1] if found else ""


class Instruction:
    """One instruction, ready for rows: what is the same for all of them is worked out once.

    Raises InstructionWrong for a variable that is neither known nor a column, and for one without a value.
    """

    def __init__(
        self, text: str, columns: Sequence[str], roles: Mapping[str, str], labels: Iterable[str] | None = None
    ) -> None:
        values = _values(text, roles, labels)
        for name in variables_in(text):
            if name not in values and name not in columns:
                raise InstructionWrong(*_unknown(name, columns))
        self._text, self._values = text.strip(), values

    def of(self, row: Mapping[str, Any]) -> str:
        """The instruction for a row of the file: its columns filled in as they stand."""

        def filled(match: re.Match[str]) -> str:
            name = match.group(1).strip()
            return self._values[name] if name in self._values else _plain(row.get(name))

        return VARIABLE.sub(filled, self._text)  # in one go: a label such as {{answer}} is no variable


def put_before(messages: list[dict[str, str]], text: str, place: str) -> tuple[str, ...]:
    """Puts the instruction in front of a row's turns; a system text that the row has itself stays, with a remark."""
    if place == "user":
        first = next(i for i, m in enumerate(messages) if m["role"] == "user")
        messages[first] = {"role": "user", "content": f"{text}\n\n{messages[first]['content']}"}
        return ()
    if messages[0]["role"] == "system":
        return ("own system",)
    messages.insert(0, {"role": "system", "content": text})
    return ()


def _plain(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else str(value)


def _values(text: str, roles: Mapping[str, str], labels: Iterable[str] | None) -> dict[str, str]:
    out: dict[str, str] = {}
    asked = variables_in(text)
    if {"labels", "label_count"} & set(asked):
        names = sorted(labels or ())
        if not names:
            raise InstructionWrong(
                "{{labels}}: the rows have no labels, or too many different answers.", "Remove the variable."
            )
        if len(names) > LABELS_SHOWN:
            raise InstructionWrong(
                f"{{{{labels}}}} would list {len(names):,} labels; the most is {LABELS_SHOWN}.",
                "Describe the labels in words.",
            )
        out |= {"labels": "\n".join(names), "label_count": f"{len(names):,}"}
    if "fields" in asked:
        fields = [r.removeprefix("field:") for r in roles if r.startswith("field:")]
        if not fields:
            raise InstructionWrong(
                "{{fields}}: no column is a field of the answer.", "Choose the role Field, or write the names."
            )
        out["fields"] = ", ".join(fields)
    for name, role in (("source_language", "user"), ("target_language", "answer")):
        if name in asked:
            column = roles.get(role) or roles.get("assistant") or roles.get("chosen") or roles.get("label") or ""
            if not (language := language_of(column)):
                raise InstructionWrong(
                    f'{{{{{name}}}}}: the column "{column[:60]}" is not named after a language.',
                    "Write the language into the instruction.",
                )
            out[name] = language
    return out


def _unknown(name: str, columns: Sequence[str]) -> tuple[str, str]:
    close = difflib.get_close_matches(name, [*VARIABLES, *columns], 1)
    hint = f"Did you mean {{{{{close[0]}}}}}?" if close else f"Variables: {', '.join((*VARIABLES, *columns[:8]))}."
    return f"The instruction asks for {{{{{name[:60]}}}}}: there is no such variable or column.", hint
