"""A model folder becomes a model in memory: safetensors only, no remote code, every tensor accounted for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import (
    CONFIG_MAPPING,
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import logging as hf_logging

from . import four_bit
from .errors import ModelRejected
from .models.config import read_config
from .models.positions import stretched
from .recipe.context import Context
from .two_parts import TwoParts

hf_logging.set_verbosity_error()
hf_logging.disable_progress_bar()


@dataclass(frozen=True)
class ModelSource:
    """Where a model lies here, and the names it has elsewhere."""

    folder: Path
    key: str
    revision: str | None = None
    sha256: str = ""


def load_model(
    folder: Path,
    dtype: torch.dtype,
    device: torch.device,
    quantise: str = "none",
    context: Context | None = None,
) -> PreTrainedModel:
    """The model in `folder`, frozen and in eval mode; raises ModelRejected when a tensor is missing or left over.

    `quantise` nf4 holds its layers in 4 bits, see four_bit.py; `context` stretches its positions. Raises PlanRefused where
    either cannot be.
    """
    shape = read_config(folder)
    if shape.kind == "encoder":
        raise ModelRejected(
            "This model is an encoder: it reads text and cannot write.",
            hint="Let it classify or tag as the student, or choose a model that writes.",
        )
    auto: Any = AutoModelForSeq2SeqLM if shape.kind == "encoder-decoder" else AutoModelForCausalLM
    more: dict[str, Any] = {}
    if context is not None and context.changes:
        more["config"] = CONFIG_MAPPING[shape.model_type].from_dict(stretched(shape.raw, context))
    if quantise == "nf4":
        more |= {"quantization_config": four_bit.settings(dtype), "device_map": {"": device}}
    try:
        loaded: Any = auto.from_pretrained(
            folder,
            dtype=dtype,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
            attn_implementation=shape.family.attention,
            output_loading_info=True,
            **more,
        )
    except (OSError, ValueError, KeyError, RuntimeError) as e:
        raise ModelRejected(
            f"The model could not be loaded: {_first_line(e)}", hint="Add the model again, or choose another one."
        ) from e
    model, info = loaded
    for word in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        names = sorted(str(n) for n in info.get(word) or ())
        if names:
            kind = word.split("_")[0]
            raise ModelRejected(
                f"The model has {len(names)} {kind} tensor{'s' if len(names) > 1 else ''}: {', '.join(names[:20])}.",
                hint="Its files are incomplete or belong to another architecture; add the model again.",
            )
    model.requires_grad_(False)
    four_bit.keep_layout(model)
    forget_lengths(model)
    if shape.decoder_start is not None:  # what config.json leaves to the reader
        model.config.decoder_start_token_id = shape.decoder_start
    return model.to(device).eval()


def forget_lengths(model: torch.nn.Module) -> None:
    """Dynamic scaling of positions remembers the longest row so far; here every forward starts from the row it is given, so
    that an answer, and a resumed run, do not depend on what was read before."""

    def forget(rotary: Any, _: Any) -> None:
        rotary.inv_freq, rotary.max_seq_len_cached = rotary.original_inv_freq, rotary.original_max_seq_len

    for module in model.modules():
        if getattr(module, "rope_type", None) == "dynamic":
            module.register_forward_pre_hook(forget)


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """The tokenizer in `folder`; raises ModelRejected in words. A panic of the tokenizer's own language is an error too."""
    try:
        return AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    except BaseException as e:  # the tokenizers library panics with a BaseException
        if isinstance(e, (KeyboardInterrupt, SystemExit)):
            raise
        raise ModelRejected(
            f"The tokenizer could not be loaded: {_first_line(e)}", hint="Add the model again with its tokenizer files."
        ) from e


def backbone(model: Any) -> torch.nn.Module:
    """The model below the output layer: token ids in, last hidden states [batch, length, hidden] out; adapters included.

    Of an encoder-decoder both parts, see two_parts.py.
    """
    whole = model.get_base_model() if hasattr(model, "get_base_model") else model
    if whole.config.is_encoder_decoder:
        return TwoParts(whole.get_encoder(), whole.get_decoder(), whole.config.decoder_start_token_id)
    return whole.base_model  # type: ignore[no-any-return]


def _first_line(e: BaseException) -> str:
    return (str(e).strip().splitlines() or [type(e).__name__])[0][:300]
