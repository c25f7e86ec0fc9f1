"""From the small form to the large one: a system's name and options become stages that are spelled out."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from .. import recipe as recipes
from ..errors import RecipeInvalid
from ..objectives.base import Objective, Part
from ..recipe import Recipe, Term, Train
from ..weightings.base import Bound
from . import arithmetic
from .system import Scalar, System
from .tables import get_part, get_system, get_weighting

GENERATE_FIELDS = {"max_new_tokens"}


def expand(recipe: Recipe) -> Recipe:
    """The same recipe with its stages spelled out; one that spells them out already is checked and returned.

    Raises RecipeInvalid for an unknown system, option or term, and for a value outside its range.
    """
    if recipe.method:
        recipe = _expanded(recipe, get_system(recipe.method))
    elif set_fields := recipe.train.model_dump(exclude_none=True):
        name = next(iter(set_fields))
        raise RecipeInvalid(
            f"train.{name}: this recipe spells its stages out, so training fields belong to the stages.",
            field=f"train.{name}",
            hint=f"Set {name} inside the train stage, or name a method instead of stages.",
        )
    for place, stage in recipe.flat():
        for t, term in enumerate(stage.terms if isinstance(stage, Train) else []):
            objective(term, f"{place}.terms.{t}")
    return recipe


def objective(term: Term, field: str = "") -> Objective:
    """The term bound to its options, ready for the head."""
    prefix = f"{field}." if field else ""
    part = get_part(term.type, f"{prefix}type")()
    if term.temperature != 1 and term.t_squared is None:
        raise RecipeInvalid(
            f"{prefix}t_squared: the temperature is {term.temperature:g}, so say whether the term is multiplied by T squared.",
            field=f"{prefix}t_squared",
            hint="true keeps the gradient's size as T grows (Hinton et al. 2015); false is how DistiLLM and GKD are published.",
        )
    try:
        options = part.Options.model_validate(term.options)
    except ValidationError as e:
        raise _about_options(e, f"{prefix}options", term.type, list(part.Options.model_fields)) from e
    return Objective(
        part, options, term.temperature, bool(term.t_squared), weighting=_weighting(term, part, f"{prefix}weighting")
    )


def _weighting(term: Term, part: Part, field: str) -> Bound | None:
    """The term's token weight bound to its options; raises RecipeInvalid where the term has no tokens of its own."""
    if term.weighting is None:
        return None
    if part.scope != "token":
        raise RecipeInvalid(
            f"{field}: {part.title} is no sum over tokens, so a token weight has nothing to act on.",
            field=field,
            hint="Leave the token weight out, or put it on a term that compares tokens.",
        )
    chosen: Any = get_weighting(term.weighting.type, f"{field}.type")()
    try:
        options = chosen.Options.model_validate(term.weighting.options)
    except ValidationError as e:
        raise _about_options(e, f"{field}.options", chosen.id, list(chosen.Options.model_fields)) from e
    return Bound(chosen, options)


def _about_options(e: ValidationError, field: str, type: str, known: list[str]) -> RecipeInvalid:
    err = e.errors(include_url=False)[0]
    place = ".".join([field, *map(str, err["loc"])])
    if err["type"] == "extra_forbidden":
        names = f"its options: {', '.join(known)}" if known else "it has none"
        return RecipeInvalid(f"{place}: unknown option of {type}; {names}.", field=place)
    message = str(err["msg"]).removeprefix("Value error, ")
    shown = f" (got {err['input']!r})" if err["loc"] else ""
    return RecipeInvalid(f"{place}: {message}{shown}.", field=place, limit=(err.get("ctx") or {}).get("le"))


def _expanded(recipe: Recipe, system: System) -> Recipe:
    if system.status != "works":
        raise RecipeInvalid(f"{system.title} is planned, not built yet.", field="method", hint="Choose another method.")
    options = _options(recipe, system)
    stages = arithmetic.resolve(system.stages, options)
    filled = [_filled(stage, recipe, system) for stage in stages]
    data = recipe.model_dump(exclude_defaults=True)
    data |= {"method": None, "options": {}, "train": {}, "stages": filled}
    data["student"] = _student(data["student"], arithmetic.resolve(system.student, options))
    return recipes.parse(data)


def _student(asked: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """The student as asked for, with what the system says about its shape and adapter where the recipe is silent."""
    out = {**given, **asked}
    for part in ("adapter", "context"):
        if isinstance(given.get(part), dict) and isinstance(asked.get(part), dict):
            out[part] = {**given[part], **asked[part]}
    return out


def _options(recipe: Recipe, system: System) -> dict[str, Scalar]:
    """Every option of the system, given or default."""
    for name in recipe.options:
        if name not in system.options:
            known = f"its options: {', '.join(system.options)}" if system.options else "it has none"
            raise RecipeInvalid(f"options.{name}: unknown option of {system.id}; {known}.", field=f"options.{name}")
    values: dict[str, Scalar] = {}
    for name, option in system.options.items():
        try:
            values[name] = option.check(recipe.options.get(name, option.default))
        except ValueError as e:
            raise RecipeInvalid(f"options.{name} {e}.", field=f"options.{name}", limit=option.max) from e
    return values


def _filled(stage: dict[str, Any], recipe: Recipe, system: System) -> dict[str, Any]:
    """A stage with what the recipe says about training, and the system's defaults for the rest."""
    asked = recipe.train.model_dump(exclude_none=True)
    if stage["kind"] == "loop":
        return {**stage, "stages": [_filled(inner, recipe, system) for inner in stage["stages"]]}
    if stage["kind"] == "generate":
        return {"max_new_tokens": asked.get("max_new_tokens", recipe.evaluation.max_new_tokens), **stage}
    if stage["kind"] == "write" and "max_new_tokens" in asked:
        return {**stage, "max_new_tokens": asked["max_new_tokens"]}
    if stage["kind"] != "train":
        return stage
    settings = {name: default.value for name, default in system.defaults.items()}
    if "steps" in asked or "epochs" in asked:  # one says how long; the default must not outlive it
        settings.pop("steps", None)
        settings.pop("epochs", None)
    settings |= {name: value for name, value in asked.items() if name not in GENERATE_FIELDS}
    terms = [term for term in stage["terms"] if term.get("weight", 1.0) > 0]
    return {**settings, **stage, "terms": terms or stage["terms"]}
