"""The preference rule of a stage with its options, or a sentence about what is wrong with them. Light: no torch."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from ..catalog.parts.preferring import PREFERRING
from ..errors import RecipeInvalid
from ..recipe import Prefer
from .base import Rule


def rule_of(stage: Prefer, field: str = "") -> tuple[Rule, Any]:
    """The rule and its options; raises RecipeInvalid for an unknown name or a wrong option."""
    prefix = f"{field}." if field else ""
    if stage.rule not in PREFERRING:
        raise RecipeInvalid(
            f"There is no preference rule {stage.rule!r}.",
            field=f"{prefix}rule",
            hint=f"One of {', '.join(PREFERRING)}.",
        )
    part = PREFERRING[stage.rule]()
    try:
        return part, part.Options.model_validate(stage.options)
    except ValidationError as e:
        err = e.errors(include_url=False)[0]
        place = ".".join([f"{prefix}options", *map(str, err["loc"])])
        raise RecipeInvalid(f"{stage.rule}, {place}: {err['msg'].removeprefix('Value error, ')}.", field=place) from e
