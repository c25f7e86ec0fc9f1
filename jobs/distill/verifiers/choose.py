"""The verifiers of a stage with their options, or a sentence about what is wrong with them. Light: no torch."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from ..catalog.parts.verifiers import VERIFYING
from ..errors import RecipeInvalid
from ..recipe import Check, Verify
from .base import Verifier


def checks_of(stage: Verify, field: str = "") -> list[tuple[Check, Verifier, Any]]:
    """The verifiers with their options; raises RecipeInvalid for an unknown name or a wrong option."""
    prefix, out = f"{field}." if field else "", []
    for n, check in enumerate(stage.checks):
        if check.type not in VERIFYING:
            raise RecipeInvalid(
                f"There is no check {check.type!r}.",
                field=f"{prefix}checks.{n}.type",
                hint=f"One of {', '.join(VERIFYING)}.",
            )
        part = VERIFYING[check.type]()
        try:
            out.append((check, part, part.Options.model_validate(check.options)))
        except ValidationError as e:
            err = e.errors(include_url=False)[0]
            place = ".".join([f"{prefix}checks.{n}.options", *map(str, err["loc"])])
            text = err["msg"].removeprefix("Value error, ")
            raise RecipeInvalid(f"{check.type}, {place}: {text}.", field=place) from e
    return out
