"""How the base of an exported adapter is loaded where that is not as its files are: in 4 bits, with other positions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from .models.config import read_config
from .models.positions import FILE, stretched
from .recipe import Context
from .session import Session, loaded_as
from .weights import load_model

MERGING_4_BIT = """
The adapter learnt beside weights in 4 bits. Merged into the full-precision weights it answers slightly differently from the
scores above; measure the merged model before you use it.
"""
MERGING_LOFTQ = """
The adapter holds what 4 bits took from the weights (LoftQ). Do not merge it into the full-precision weights, which have that
already: merge it into the dequantised base (`base.dequantize()`), or use it as it is.
"""


def note(session: Session) -> dict[str, Any]:
    """For the report: quantise and context where they are set, with the format the 4-bit weights are computed in and the base's
    window before and after. Empty: the base is loaded as it is."""
    found = loaded_as(session.recipe.student)
    if "quantise" in found:
        found["computed_in"] = str(session.dtypes["student"]).removeprefix("torch.")
    if "context" in found:
        found["window"] = {"before": read_config(_folder(session)).context, "after": session.windows["student"]}
    return found


def load_noted(folder: Path, found: dict[str, Any], dtype: torch.dtype, device: torch.device) -> Any:
    """The base that a report's note speaks of."""
    context = found.get("context")
    return load_model(
        folder, dtype, device, found.get("quantise", "none"), Context.model_validate(context) if context else None
    )


def write_config(session: Session, folder: Path) -> None:
    """`base_config.json` beside the adapter where its base is read with other positions."""
    context = session.recipe.student.context
    if context is not None and context.changes:
        config = stretched(read_config(_folder(session)).raw, context)
        (folder / FILE).write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def loading_code(session: Session, auto: str) -> str:
    """The Python lines of a model card that load base and adapter; `auto` is transformers' class."""
    base, found = session.sources["student"], note(session)
    names, before = [auto, "AutoTokenizer"], ""
    options = f', revision="{base.revision}"' if base.revision else ""
    imports = "from peft import PeftModel\n"
    if "context" in found:
        names.append("AutoConfig")
        before += f'config = AutoConfig.from_pretrained("PATH OF THIS FOLDER/{FILE}")\n'
        options += ", config=config"
    if "quantise" in found:
        names.append("BitsAndBytesConfig")
        imports = f"import torch\n{imports}"
        before += (
            'four_bit = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True,\n'
            f"                              bnb_4bit_compute_dtype=torch.{found['computed_in']})\n"
        )
        options += f", quantization_config=four_bit, dtype=torch.{found['computed_in']}"
    return (
        f"{imports}from transformers import {', '.join(sorted(names))}\n\n{before}"
        f'base = {auto}.from_pretrained("{base.key}"{options})\n'
        'model = PeftModel.from_pretrained(base, "PATH OF THIS FOLDER")'
    )


def words(session: Session) -> str:
    """What a model card says of such a base, and of merging; empty where the base is loaded as it is."""
    found, text = note(session), ""
    if "context" in found:
        context, size = session.recipe.student.context, found["window"]
        assert context is not None
        text += (
            f"\nIt was trained with the base's positions stretched from {size['before']:,} to {size['after']:,} tokens"
            f"{_how(context)}. The base's own `config.json` does not say so: load it with the `{FILE}` of this folder, as above. A merged"
            " model that is saved has it in its `config.json`.\n"
        )
    if "quantise" in found:
        text += "\nThe base was held in 4 bits (NF4, double quantisation) in training and for every score above.\n"
        text += MERGING_LOFTQ if session.recipe.student.adapter.start == "loftq" else MERGING_4_BIT
    return text


def _how(context: Context) -> str:
    ways = [] if context.theta is None else [f"RoPE base {context.theta:g}"]
    ways += [] if context.scaling == "none" else [f"{context.scaling} scaling by {context.times:g}"]
    return f" ({', '.join(ways)})" if ways else ""


def _folder(session: Session) -> Path:
    return session.sources["student"].folder
