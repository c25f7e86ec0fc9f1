"""A published system as data: what it asks and answers, its options, and the stages they expand into."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from ..parts import Paper
from . import arithmetic

Scalar = bool | int | float | str | list[str]
LONGEST, MOST = 20_000, 1000  # characters of a text, lines of a list
# The same safe language, read by libyaml where PyYAML was built with it: ten times as fast for the whole catalogue.
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

GROUPS = (  # of the method picker, in its order
    "logits", "answers", "reasoning", "generation", "self", "rounds", "on-policy", "tokenizers", "teachers", "features",
    "preference", "labels", "tools", "data", "shape", "merge", "adapter",
)  # fmt: skip
Group = Literal[
    "logits",
    "answers",
    "reasoning",
    "generation",
    "self",
    "rounds",
    "on-policy",
    "tokenizers",
    "teachers",
    "features",
    "preference",
    "labels",
    "tools",
    "data",
    "shape",
    "merge",
    "adapter",
]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class SystemOption(Strict):
    """One field of the small form."""

    type: Literal["number", "integer", "boolean", "choice", "text", "list"]
    title: str
    help: str
    default: Scalar
    min: float | None = None
    max: float | None = None
    choices: list[str] = []
    unit: str = ""
    advanced: bool = False

    def check(self, value: Any) -> Scalar:
        """The value as its own type; ValueError says what is allowed."""
        if self.type == "boolean":
            if not isinstance(value, bool):
                raise ValueError(f"is {value!r}; true or false")
            return value
        if self.type == "text":
            if not isinstance(value, str) or len(value) > LONGEST:
                raise ValueError(f"is no text of at most {LONGEST:,} characters")
            return value
        if self.type == "list":
            lines = value.splitlines() if isinstance(value, str) else value
            if not isinstance(lines, list) or not all(isinstance(v, str) for v in lines) or len(lines) > MOST:
                raise ValueError(f"is no list of at most {MOST:,} texts")
            return [v.strip() for v in lines if v.strip()]
        if self.type == "choice":
            if value not in self.choices:
                raise ValueError(f"is {value!r}; one of {', '.join(self.choices)}")
            return str(value)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ValueError(f"is {value!r}; a number is needed")
        if self.type == "integer" and value != int(value):
            raise ValueError(f"is {value}; a whole number is needed")
        if (self.min is not None and value < self.min) or (self.max is not None and value > self.max):
            raise ValueError(f"is {value:g}; it must lie between {self.min:g} and {self.max:g}")
        return int(value) if self.type == "integer" else float(value)

    @model_validator(mode="after")
    def _default_is_allowed(self) -> SystemOption:
        if self.type in ("number", "integer") and (self.min is None or self.max is None):
            raise ValueError("a number needs min and max")
        self.check(self.default)
        return self


class Needs(Strict):
    """teacher: none, text (its answers are enough) or weights (its distribution is read)."""

    teacher: Literal["none", "text", "weights"] = "none"
    same_vocabulary: bool = False
    labels: bool = Field(False, description="Only rows with an answer are of use.")


class Default(Strict):
    value: Any
    why: str


class System(Strict):
    """One file of `systems/`. Strings of `stages` that start with `=` are arithmetic over the options."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]*$")
    title: str
    group: Group = "logits"
    question: str = Field(description="The question a practitioner has when this is the answer.")
    summary: str
    when_to_use: str
    formula: str
    paper: Paper | None = None
    more_papers: list[Paper] = []
    needs: Needs = Needs()
    differs: list[str] = Field(default=[], description="What is not as published, and what the paper leaves open.")
    options: dict[str, SystemOption] = {}
    defaults: dict[str, Default] = Field(default={}, description="Training fields of the small form, with the reason.")
    student: dict[str, Any] = Field(default={}, description="What the system says about the student: shape, adapter.")
    stages: list[dict[str, Any]] = []
    status: Literal["works", "planned"] = "works"

    @model_validator(mode="after")
    def _expressions_use_known_options(self) -> System:
        used = arithmetic.names_in([self.stages, self.student])
        if unknown := used - set(self.options):
            raise ValueError(f"stages use {', '.join(sorted(unknown))}, which is no option")
        if unused := set(self.options) - used:
            raise ValueError(f"option {', '.join(sorted(unused))} is used by no stage")
        if self.status == "works" and not self.stages:
            raise ValueError("a system that works needs stages")
        return self

    @property
    def flat(self) -> list[dict[str, Any]]:
        """Every stage, those of a loop after it."""
        return [one for s in self.stages for one in (s, *s.get("stages", []))]

    @property
    def parts(self) -> list[str]:
        """Ids of the objective terms, in order, each once."""
        return list(dict.fromkeys(t["type"] for s in self.flat if s["kind"] == "train" for t in s["terms"]))


def load(path: Path) -> System:
    """Raises ValueError naming the file."""
    try:
        return System.model_validate(yaml.load(Path(path).read_text(encoding="utf-8"), Loader=LOADER))  # noqa: S506 - a safe loader either way
    except (ValueError, OSError, yaml.YAMLError) as e:
        raise ValueError(f"system file {Path(path).name}: {e}") from e
