"""A config.json with its rotary positions stretched, as stock transformers writes and reads them. Light: no torch."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from ..errors import PlanRefused
from ..recipe.context import Context

FIELD = "student.context"
FILE = "base_config.json"  # beside an adapter whose base is read with other positions
# One base for all layers and scaling by transformers' own kinds. Phi-3 and Gemma 3 have positions of their own kind.
ROTARY = frozenset({"llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "phi", "smollm3"})


def scaling_of(raw: Mapping[str, Any]) -> str:
    """How config.json scales its positions already: default, or transformers' name such as llama3 or yarn."""
    found = _parameters(raw)
    return str(found.get("rope_type") or found.get("type") or "default")


def window(context: Context | None, tokens: int) -> int:
    """Tokens of the longest row once the positions are stretched."""
    return tokens if context is None else round(tokens * context.times)


def wrong(context: Context, model_type: str, scaled: str) -> tuple[str, str, str] | None:
    """(code, field, sentence) where these positions cannot be stretched this way; None where they can."""
    if model_type not in ROTARY:
        return (
            "CONTEXT_FAMILY",
            FIELD,
            f"The positions of this student ({model_type}) cannot be stretched here: that needs one rotary base for all layers, as "
            "Llama, Mistral, Qwen, Gemma 1 and 2, Phi-2 and SmolLM3 have.",
        )
    if context.scaling != "none" and scaled != "default":
        return (
            "CONTEXT_SCALED",
            f"{FIELD}.scaling",
            f"The student's positions are scaled already ({scaled}), and a second scaling would take the place of the first. "
            "Its RoPE base can be changed instead.",
        )
    return None


def stretched(raw: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """config.json with other positions. Raises PlanRefused where this model's cannot be stretched so.

    `max_position_embeddings` is the new window, except for dynamic scaling, whose formula needs the old one.
    """
    if problem := wrong(context, str(raw.get("model_type")), scaling_of(raw)):
        raise PlanRefused(problem[2], code=problem[0], field=problem[1], hint="Leave the positions as they are.")
    out = deepcopy(dict(raw))
    before = out["max_position_embeddings"]
    new: dict[str, Any] = {} if context.theta is None else {"rope_theta": context.theta}
    if context.scaling != "none":
        new |= {"rope_type": context.scaling, "factor": context.times}
    if context.scaling == "yarn":
        new["original_max_position_embeddings"] = before
    if context.scaling != "dynamic":
        out["max_position_embeddings"] = window(context, before)
    if isinstance(out.get("rope_parameters"), dict):
        out["rope_parameters"] |= new
        return out
    if "rope_theta" in new:  # as files of transformers 4 have it
        out["rope_theta"] = new.pop("rope_theta")
    if new:
        out["rope_scaling"] = new
    return out


def _parameters(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    for name in ("rope_parameters", "rope_scaling"):
        if isinstance(found := raw.get(name), dict):
            return found
    return {}
