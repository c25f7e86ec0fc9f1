"""A model folder with a layer over the labels on top: loaded, masked or not, and wrapped with its adapter."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    PreTrainedTokenizerBase,
)

from ..errors import ModelRejected, PlanRefused
from ..models.config import Shape, read_config
from ..recipe import Adapter
from ..recipe.adapter import FROM_ROWS
from ..recipe.labelling import Labelling
from ..students.label_head import LabelHead
from ..students.lora import attach
from .labels import Labels

if TYPE_CHECKING:
    from ..events import Events

CLASSES: dict[str, Any] = {
    "classify": AutoModelForSequenceClassification,
    "tag": AutoModelForTokenClassification,
}
LISTED = 20
POOLERS = ("pooler", "pre_classifier")  # stand between the states and the layer over the labels


@dataclass(frozen=True)
class HeadSpec:
    """What a plain transformers model needs to be told about the head; written into the adapter as labels.json."""

    labels: Labels
    attention: str  # causal, full

    def config(self, folder: Path, pad: int) -> Any:
        """The model's own configuration with the labels, and without the causal mask where it is taken away."""
        names = dict(enumerate(self.labels.names))
        config: Any = AutoConfig.from_pretrained(
            folder,
            trust_remote_code=False,
            local_files_only=True,
            num_labels=len(names),
            id2label=names,
            label2id={name: i for i, name in names.items()},
        )
        config.pad_token_id = pad
        if self.attention == "full":
            config.is_causal = False
        return config


def attention_of(asked: Labelling, shape: Shape, task: str) -> tuple[str, str]:
    """(causal or full, why). Raises PlanRefused where an encoder should not see what follows."""
    if shape.family.kind == "encoder":
        if asked.attention == "causal":
            raise PlanRefused(
                "An encoder was made to see the whole row; it has no causal mask to keep.",
                field="student.labelling.attention",
                hint="Choose auto or full.",
            )
        return "encoder", "the student is an encoder"
    if asked.attention != "auto":
        return asked.attention, "asked for"
    if task == "tag":
        return "full", "a tag depends on what follows it: the causal mask is taken away (LS-LLaMA)"
    return "causal", "the last token has seen the whole row"


def load_labeller(
    folder: Path, spec: HeadSpec, pad: int, dtype: torch.dtype, device: torch.device, seed: int
) -> tuple[Any, tuple[str, ...]]:
    """(the frozen model in eval mode, names of the modules that are new). What is new is a function of the seed.

    Raises ModelRejected when a tensor below the head is missing, or transformers has no head for this architecture.
    """
    torch.manual_seed(seed)
    try:
        loaded: Any = CLASSES[spec.labels.task].from_pretrained(
            folder,
            dtype=dtype,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
            attn_implementation=read_config(folder).family.attention,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
            config=spec.config(folder, pad),
        )
    except (OSError, ValueError, KeyError, RuntimeError) as e:
        first = (str(e).strip().splitlines() or [type(e).__name__])[0][:300]
        raise ModelRejected(
            f"The student could not be loaded as a {'tagger' if spec.labels.task == 'tag' else 'classifier'}: {first}",
            field="student.task",
            hint="Choose another student, or let it write (student.task: generate).",
        ) from e
    model, info = loaded
    inside = f"{model.base_model_prefix}."
    odd = sorted(str(n if isinstance(n, str) else n[0]) for n in info.get("mismatched_keys") or ())
    missing = sorted(str(n) for n in info.get("missing_keys") or ())
    new = [n for n in {*missing, *odd} if not n.startswith(inside) or ".pooler." in n]
    lacking = sorted({*missing, *odd} - set(new))
    if lacking:
        raise ModelRejected(
            f"{len(lacking)} of the student's tensors are missing or of another shape: {', '.join(lacking[:LISTED])}.",
            hint="Its files are incomplete or belong to another architecture; add the model again.",
        )
    model.requires_grad_(False)
    return model.to(device).eval(), _saved(model, new)


def _saved(model: Any, new: list[str]) -> tuple[str, ...]:
    """Modules that are trained whole: the layer over the labels, and every module that is new. Sorted."""
    names = {"classifier", "score"} & {n for n, _ in model.named_children()}
    for parameter in new:
        parts = parameter.split(".")
        pooler = next((p for p in parts if p in POOLERS), None)
        names.add(pooler or parts[0])
    return tuple(sorted(names))


def wrap(
    model: Any, adapter: Adapter, spec: HeadSpec, saved: tuple[str, ...], shape: Shape, seed: int, events: Events | None
) -> Any:
    """The model with a fresh adapter; the head is trained whole. Raises PlanRefused for what a label head cannot have."""
    refuse_adapter(adapter)
    return attach(model, adapter, seed, events, head=LabelHead(spec.labels.task, saved, shape.family.layer))


def refuse_adapter(adapter: Adapter) -> None:
    """Raises PlanRefused naming the first field that only makes sense for a student that writes."""
    for field, wrong, what in (
        (
            "head",
            adapter.head,
            "There is no output layer over tokens; the layer over the labels is trained whole anyway",
        ),
        ("type", adapter.type == "clover", "CLOVER is made for students that write"),
        ("start", adapter.start in FROM_ROWS, f"First values of kind {adapter.start} are read from written answers"),
        ("noise", adapter.noise is not None, "Noise on the embeddings is made for students that write"),
        ("pruned", bool(adapter.pruned), "Pruned training is made for students that write"),
        ("shift", adapter.shift is not None, "Attention in groups is made for students that write"),
        ("whole", bool(adapter.whole), "Embeddings and norms are trained whole in students that write"),
    ):
        if wrong:
            raise PlanRefused(
                f"{what}.", field=f"student.adapter.{field}", hint="Leave this field as it is by default."
            )


def pad_of(tokenizer: PreTrainedTokenizerBase) -> int:
    """The id that fills rows up: the tokenizer's own, else its end token, else 0. The mask hides it from encoders; a causal
    classifier pools the last token that is another."""
    for found in (tokenizer.pad_token_id, tokenizer.eos_token_id):
        if isinstance(found, int):
            return found
    return 0
