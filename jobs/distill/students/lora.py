"""LoRA on a causal model, through peft. Hu et al. 2021, arXiv:2106.09685. The base is never trained."""

from __future__ import annotations

from typing import Any

import torch
from peft import LoraConfig, PeftModel, TaskType, get_peft_model
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from ..errors import PlanRefused
from ..events import Events
from ..recipe import Adapter
from ..weights import backbone


def linear_names(model: PreTrainedModel) -> list[str]:
    """Leaf names of the linear modules of the backbone: q_proj, down_proj ... in the model's own words, sorted."""
    inside = backbone(model).named_modules()
    return sorted({name.rsplit(".", 1)[-1] for name, m in inside if isinstance(m, (torch.nn.Linear, Conv1D))})


def attach(model: PreTrainedModel, adapter: Adapter, seed: int, events: Events | None = None) -> PeftModel:
    """Wraps `model` with a fresh adapter whose start is a function of the seed alone.

    Names that the model does not have are refused: peft would read them as a regular expression of the user.
    """
    known = linear_names(model)
    if adapter.targets == "all-linear":
        targets = known
        if events:
            events.reason("student.adapter.targets", ", ".join(known), "all linear layers of the backbone")
    else:
        targets = list(adapter.targets)
        if unknown := [t for t in targets if t not in known]:
            raise PlanRefused(
                f"The student has no linear layer named {', '.join(unknown)}; it has {', '.join(known)}.",
                field="student.adapter.targets",
                hint="Choose from the model's own layers, or all-linear.",
            )
    if adapter.head:
        _refuse_empty_rows(model, adapter)
        targets = [*targets, _head_name(model)]
    config = LoraConfig(
        task_type=TaskType.CAUSAL_LM,
        r=adapter.rank,
        lora_alpha=adapter.alpha,  # type: ignore[arg-type]  # peft divides it by the rank: any number will do
        lora_dropout=adapter.dropout,
        target_modules=targets,
        use_rslora=adapter.rslora,
        use_dora=adapter.dora,
        fan_in_fan_out=any(isinstance(m, Conv1D) for m in model.modules()),
        bias="none",
    )
    torch.manual_seed(seed)
    # In the model's own number format: peft would otherwise make a float32 copy of each layer's input.
    wrapped: Any = get_peft_model(model, config, autocast_adapter_dtype=False)
    training_mode(wrapped)
    return wrapped


def trainable(model: Any) -> dict[str, torch.nn.Parameter]:
    """Name -> parameter of everything that is trained, in a fixed order."""
    return {n: p for n, p in sorted(model.named_parameters()) if p.requires_grad}


def training_mode(model: Any) -> None:
    """Only the adapter's own dropout is on: the base's dropout would make teacher and student differ by noise."""
    model.eval()
    for name, module in model.named_modules():
        if "lora_dropout" in name:
            module.train()


def _refuse_empty_rows(model: PreTrainedModel, adapter: Adapter) -> None:
    """DoRA divides each row of a weight by its length; padding rows of an output layer are often all zeros."""
    empty = int((model.get_output_embeddings().weight.abs().amax(-1) == 0).sum())
    if adapter.dora and empty:
        raise PlanRefused(
            f"DoRA cannot adapt this output layer: {empty} of its rows are all zeros and have no direction.",
            field="student.adapter.dora",
            hint="Switch off DoRA, or do not adapt the output layer.",
        )


def _head_name(model: PreTrainedModel) -> str:
    head = model.get_output_embeddings()
    return next(name.rsplit(".", 1)[-1] for name, m in model.named_modules() if m is head)
