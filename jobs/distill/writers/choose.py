"""The writer of a stage with its options and prompts, or a sentence about what is wrong with them. Light: no torch."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from ..catalog.parts.writers import WRITING
from ..errors import RecipeInvalid
from ..recipe import Write
from .base import Writer
from .template import Prompt


def writer_of(stage: Write, field: str = "") -> tuple[Writer, Any]:
    """The writer and its options; raises RecipeInvalid for an unknown name, option, step or variable."""
    prefix = f"{field}." if field else ""
    if stage.writer not in WRITING:
        raise RecipeInvalid(
            f"There is no writer {stage.writer!r}.", field=f"{prefix}writer", hint=f"One of {', '.join(WRITING)}."
        )
    part = WRITING[stage.writer]()
    try:
        options = part.Options.model_validate(stage.options)
    except ValidationError as e:
        err = e.errors(include_url=False)[0]
        place = ".".join([f"{prefix}options", *map(str, err["loc"])])
        raise RecipeInvalid(f"{stage.writer}, {place}: {err['msg'].removeprefix('Value error, ')}.", field=place) from e
    prompts_of(stage, part, prefix)
    part.check(options, f"{prefix}options")
    return part, options


def prompts_of(stage: Write, part: Writer, prefix: str = "") -> dict[str, Prompt]:
    """The wording of each step: the stage's own where it has one. Raises RecipeInvalid for unknown steps and variables."""
    out = dict(part.prompts)
    for step, text in stage.prompts.items():
        field = f"{prefix}prompts.{step}"
        if step not in out:
            steps = ", ".join(out) or "none"
            raise RecipeInvalid(f"{field}: {part.title} has no such step; its steps: {steps}.", field=field)
        out[step] = Prompt(text.user, text.system)
        out[step].check(part.variables, field)
    return out
