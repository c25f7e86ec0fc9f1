"""Starting recipes for real tasks, as data: one YAML file each, with words and a recipe that works on the shipped samples.

Light: no torch. `TEMPLATES` keeps the order of the page.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field

ORDER = (
    "classify",
    "extract",
    "summarise",
    "chat",
    "reason",
    "code",
    "on-policy",
    "tokenizers",
    "api-teacher",
    "shrink",
)


class Template(BaseModel):
    """What a person reads before choosing, and the recipe that a new draft begins with."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    title: str
    task: str = Field(description="One of the advisor's answers about the task.")
    about: str
    need: tuple[str, ...] = Field(description="What you need.")
    get: tuple[str, ...] = Field(description="What you get.")
    sample: str = Field(description="What it does with the shipped models and rows, and what it does not.")
    minutes: float = Field(description="With the samples, on two processor cores.")
    recipe: dict[str, Any]


def _load(id: str) -> Template:
    data = yaml.safe_load((Path(__file__).parent / f"{id}.yaml").read_text(encoding="utf-8"))
    return Template(id=id, **data)


TEMPLATES: dict[str, Template] = {id: _load(id) for id in ORDER}
