"""config.json of a model: only known architectures, every number within bounds, nothing that asks for code."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import ModelRejected
from . import strict_json
from .families import FAMILIES, Family, Kind, titles

MAX_CONFIG = 2**20
# What a stranger's config may ask for. The largest dense models have 16,384 wide and 126 layers.
BOUNDS = {
    "hidden": (1, 65_536),
    "layers": (1, 1_000),
    "heads": (1, 1_024),
    "kv_heads": (1, 1_024),
    "intermediate": (1, 524_288),
    "context": (1, 20_000_000),
    "vocab": (1, 2_000_000),
}
CODE_KEYS = (
    "auto_map",
    "_attn_implementation_internal",
    "_attn_implementation",
    "attn_implementation",
    "custom_pipelines",
    "custom_generate",
)


@dataclass(frozen=True)
class Shape:
    """The numbers of config.json the workbench needs."""

    model_type: str
    family: Family
    hidden: int
    layers: int
    heads: int
    kv_heads: int
    intermediate: int
    context: int
    vocab: int
    tied: bool
    eos: tuple[int, ...]
    bos: int | None
    pad: int | None
    raw: dict[str, Any]
    encoder_layers: int = 0  # of an encoder-decoder
    decoder_start: int | None = None  # the token an encoder-decoder's answers begin behind

    @property
    def kind(self) -> Kind:
        return self.family.kind

    @property
    def linears(self) -> tuple[str, ...]:
        """Names of the linear modules inside the layers."""
        asked = str(self.raw.get("feed_forward_proj", self.family.feed_forward))
        if not asked.startswith("gated"):
            return self.family.linears
        return tuple(n for name in self.family.linears for n in (("wi_0", "wi_1") if name == "wi" else (name,)))


def read_config(folder: Path) -> Shape:
    """Shape from config.json; raises ModelRejected naming the field, its value and the allowed range."""
    path = folder / "config.json"
    if not path.is_file():
        raise ModelRejected(
            "There is no config.json in this folder.",
            code="MODEL_NO_CONFIG",
            hint="A model folder holds config.json, model.safetensors and tokenizer.json.",
        )
    raw = strict_json.read_object(path, MAX_CONFIG)
    _refuse_code(raw)
    family = _family(raw)
    sizes = {name: _size(raw, family, name) for name in BOUNDS}
    sizes["context"] = max(1, sizes["context"] - family.offset)
    _check_finite(raw, "config.json")
    tied = not family.head_by_file and raw.get("tie_word_embeddings", family.tied)
    both = family.kind == "encoder-decoder"
    return Shape(
        model_type=str(raw["model_type"]),
        family=family,
        tied=bool(tied),
        encoder_layers=_size(raw, family, "encoder_layers") if both else 0,
        decoder_start=_decoder_start(folder, raw, sizes["vocab"]) if both else None,
        eos=ids(raw.get("eos_token_id")),
        bos=_first(raw.get("bos_token_id")),
        pad=_first(raw.get("pad_token_id")),
        raw=raw,
        **sizes,
    )


def kind_of(folder: Path) -> Kind:
    """Which kind of model a folder holds by its config.json; causal where there is none or it is of no known family."""
    path = folder / "config.json"
    named = strict_json.read_object(path, MAX_CONFIG).get("model_type") if path.is_file() else None
    return FAMILIES[named].kind if isinstance(named, str) and named in FAMILIES else "causal"


def ids(value: Any) -> tuple[int, ...]:
    """Token ids of a field that may be missing, a number or a list."""
    values = value if isinstance(value, list) else [value]
    return tuple(v for v in values if type(v) is int and v >= 0)


def eos_ids(folder: Path, own: int | None) -> list[int]:
    """Every id that ends an answer: the tokenizer's own first, then those of generation_config.json and config.json."""
    found = [*ids(own)]
    for name in ("generation_config.json", "config.json"):
        if (folder / name).is_file():
            found += ids(strict_json.read_object(folder / name, MAX_CONFIG).get("eos_token_id"))
    return list(dict.fromkeys(found))


def _first(value: Any) -> int | None:
    return next(iter(ids(value)), None)


def _refuse_code(raw: dict[str, Any]) -> None:
    for key in CODE_KEYS:
        if raw.get(key):
            raise ModelRejected(
                f"config.json asks for {key}: this model needs code from the model repository; that is not supported.",
                code="MODEL_NEEDS_CODE",
                field=key,
                hint="Choose a model whose architecture is built into transformers.",
            )
    if raw.get("quantization_config"):
        raise ModelRejected(
            "These weights are quantised; a LoRA adapter is trained on the original ones.",
            code="MODEL_QUANTISED",
            field="quantization_config",
            hint="Choose the unquantised model.",
        )


def _family(raw: dict[str, Any]) -> Family:
    kind = raw.get("model_type")
    if not isinstance(kind, str) or kind not in FAMILIES:
        shown = repr(kind)[:60] if kind is not None else "missing"
        raise ModelRejected(
            f"The architecture of this model (model_type {shown}) is not supported. Supported are {titles()}.",
            code="MODEL_UNSUPPORTED",
            field="model_type",
            hint="Choose a text model of a supported family.",
        )
    return FAMILIES[kind]


def _size(raw: dict[str, Any], family: Family, name: str) -> int:
    key, (low, high) = family.keys.get(name), BOUNDS[name if name in BOUNDS else "layers"]
    value = raw.get(key) if key else None
    if value is None:
        value = _default(raw, family, name)
    if type(value) is not int or not low <= value <= high:
        raise ModelRejected(
            f"config.json: {key or name} is {str(value)[:40]!s}; it must be a whole number from {low:,} to {high:,}.",
            code="MODEL_CONFIG_RANGE",
            field=key or name,
            limit=high,
        )
    return value


def _default(raw: dict[str, Any], family: Family, name: str) -> Any:
    """What transformers assumes when the field is absent; None where it must be there."""
    if name == "kv_heads":
        return raw.get(family.keys["heads"])
    if name == "intermediate" and family.keys["intermediate"] == "n_inner":
        return 4 * raw["n_embd"] if type(raw.get("n_embd")) is int else None
    if name == "layers" and family.keys["layers"] == "num_decoder_layers":
        return raw.get("num_layers")
    if name == "context":
        return family.context
    return None


def _decoder_start(folder: Path, raw: dict[str, Any], vocab: int) -> int:
    """The id that stands before every answer: of config.json or generation_config.json, else the padding token, as in T5."""
    generation = folder / "generation_config.json"
    more = strict_json.read_object(generation, MAX_CONFIG) if generation.is_file() else {}
    asked = [c.get("decoder_start_token_id") for c in (raw, more)]
    found = next((a for a in (*asked, raw.get("pad_token_id", 0)) if a is not None), None)
    if type(found) is not int or not 0 <= found < vocab:
        raise ModelRejected(
            f"config.json: decoder_start_token_id is {str(found)[:40]!s}; it must be one of the {vocab:,} token ids.",
            code="MODEL_CONFIG_RANGE",
            field="decoder_start_token_id",
            hint="An encoder-decoder begins its answers behind this token; T5 uses its padding token, 0.",
        )
    return found


def _check_finite(value: Any, where: str) -> None:
    """Numbers anywhere in the config are finite and not absurd: rope_theta NaN or 1e400 never reaches the model."""
    if isinstance(value, dict):
        for key, inner in value.items():
            _check_finite(inner, key)
    elif isinstance(value, list):
        for inner in value:
            _check_finite(inner, where)
    elif (
        isinstance(value, float)
        and not (math.isfinite(value) and abs(value) < 1e12)
        or type(value) is int
        and abs(value) > 2**53
    ):
        raise ModelRejected(
            f"config.json: {where[:60]} is {str(value)[:40]}, which is not a usable number.",
            code="MODEL_CONFIG_RANGE",
            field=where[:60],
        )
