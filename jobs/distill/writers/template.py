"""Prompt templates: text with `{{variables}}`, no logic. The variables a writer offers are listed; others are refused by name."""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import RecipeInvalid

VARIABLE = re.compile(r"\{\{([^{}]*)\}\}")
MISSING = "(none)"  # what stands for a variable without a value


@dataclass(frozen=True)
class Prompt:
    """What a model is asked at one step. `hash` names this wording in the lineage of the rows made with it."""

    user: str
    system: str = ""

    @property
    def hash(self) -> str:
        return hashlib.sha256(f"{self.system}\0{self.user}".encode()).hexdigest()[:8]

    @property
    def variables(self) -> list[str]:
        return list(dict.fromkeys(_names(self.system) + _names(self.user)))

    def check(self, known: Iterable[str], field: str) -> None:
        """Raises RecipeInvalid for a variable that is not `known`, with its line and the nearest name."""
        names = list(known)
        for part in ("system", "user"):
            for number, line in enumerate(getattr(self, part).splitlines(), 1):
                for name in _names(line):
                    if name in names:
                        continue
                    near = difflib.get_close_matches(name, names, 1, 0.5)
                    raise RecipeInvalid(
                        f"{field}.{part}, line {number}: there is no variable {name!r}.",
                        field=f"{field}.{part}",
                        hint=(f"Did you mean {near[0]!r}? " if near else "")
                        + f"There are: {', '.join(names) or 'none'}.",
                    )

    def messages(self, values: Mapping[str, Any]) -> tuple[dict[str, str], ...]:
        """The turns with the values put in. A value is never read as a template again."""

        def filled(text: str) -> str:
            return VARIABLE.sub(lambda m: _text(values.get(m[1].strip())), text)

        system = ({"role": "system", "content": filled(self.system)},) if self.system.strip() else ()
        return (*system, {"role": "user", "content": filled(self.user)})


def _names(text: str) -> list[str]:
    return [name.strip() for name in VARIABLE.findall(text)]


def _text(value: Any) -> str:
    if value is None or value == "":
        return MISSING
    if isinstance(value, (list, tuple)):
        return "\n".join(f"- {v}" for v in value) or MISSING
    return str(value)
