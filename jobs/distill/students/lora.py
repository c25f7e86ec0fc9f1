"""An adapter on a language model, through peft; LoRA: Hu et al. 2021, arXiv:2106.09685. The base is never trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import peft
import torch
from peft import LoraConfig, PeftModel, TaskType, get_peft_model
from peft.tuners.tuners_utils import BaseTunerLayer
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from ..catalog.parts.adapters import ADAPTER_KINDS
from ..errors import PlanRefused
from ..events import Events
from ..recipe import Adapter
from ..weights import backbone
from .clover import attach_clover
from .first_values import Rows, set_first_values
from .kinds import Kind
from .label_head import LabelHead
from .variants import add_mixer, layers

OF_PEFT = ("gaussian", "orthogonal")  # first values that peft makes itself
FEED_FORWARD_ENDS = ("down_proj", "fc2", "dense_4h_to_h", "c_proj", "w2", "wo")


def linear_names(model: PreTrainedModel) -> list[str]:
    """Leaf names of the linear modules of the backbone: q_proj, down_proj ... in the model's own words, sorted."""
    inside = backbone(model).named_modules()
    return sorted({name.rsplit(".", 1)[-1] for name, m in inside if isinstance(m, (torch.nn.Linear, Conv1D))})


def task_of(model: PreTrainedModel) -> TaskType:
    """What peft calls the work of this model."""
    return TaskType.SEQ_2_SEQ_LM if model.config.is_encoder_decoder else TaskType.CAUSAL_LM


def attach(
    model: PreTrainedModel,
    adapter: Adapter,
    seed: int,
    events: Events | None = None,
    rows: Callable[[], Rows] | None = None,
    head: LabelHead | None = None,
    whole: Callable[[], Mapping[str, torch.nn.Module]] | None = None,
) -> PeftModel:
    """Wraps `model` with a fresh adapter whose start is a function of the seed and, for starts that look at rows, of those
    that `rows` gives (it is called only then, as is `whole` for the start that compares with the base in full precision). A
    label `head` is trained whole beside it.

    Names that the model does not have are refused: peft would read them as a regular expression of the user.
    """
    targets = _targets(model, adapter, events)
    torch.manual_seed(seed)
    if adapter.type == "lora":
        wrapped = _lora(model, adapter, targets, rows, head, whole)
    elif adapter.type == "clover":
        wrapped = attach_clover(model)
    else:
        wrapped = _other(model, adapter, targets, seed, head)
    wrapped.noise, wrapped.shift = adapter.noise, adapter.shift
    training_mode(wrapped)
    return wrapped  # type: ignore[no-any-return]


def _targets(model: PreTrainedModel, adapter: Adapter, events: Events | None) -> list[str]:
    known = linear_names(model)
    if adapter.targets == "all-linear":
        if events:
            events.reason("student.adapter.targets", ", ".join(known), "all linear layers of the backbone")
        return known
    if unknown := [t for t in adapter.targets if t not in known]:
        raise PlanRefused(
            f"The student has no linear layer named {', '.join(unknown)}; it has {', '.join(known)}.",
            field="student.adapter.targets",
            hint="Choose from the model's own layers, or all-linear.",
        )
    return list(adapter.targets)


def _lora(
    model: PreTrainedModel,
    adapter: Adapter,
    targets: list[str],
    rows: Callable[[], Rows] | None,
    head: LabelHead | None,
    whole: Callable[[], Mapping[str, torch.nn.Module]] | None,
) -> Any:
    everywhere = list(targets)
    if adapter.head:
        _refuse_empty_rows(model, adapter)
        everywhere.append(_head_name(model))
    memory = None
    if adapter.velora:
        memory = {"num_groups": adapter.velora.groups, "scale": adapter.velora.scale, "init_type": "batch_average"}
    config = LoraConfig(
        task_type=task_of(model) if head is None else head.task_type,
        modules_to_save=_whole(model, adapter, head),
        r=adapter.rank,
        lora_alpha=adapter.alpha,  # type: ignore[arg-type]  # peft divides it by the rank: any number will do
        lora_dropout=adapter.dropout,
        target_modules=everywhere if head is None else head.pattern(targets),
        use_rslora=adapter.rslora,
        use_dora=adapter.dora,
        velora_config=memory,
        init_lora_weights=adapter.start if adapter.start in OF_PEFT else True,  # type: ignore[arg-type]
        fan_in_fan_out=any(isinstance(m, Conv1D) for m in model.modules()),
        bias="none",
    )
    # In the model's own number format: peft would otherwise make a float32 copy of each layer's input.
    wrapped: Any = get_peft_model(model, config, autocast_adapter_dtype=False)
    if adapter.start not in ("default", *OF_PEFT):
        set_first_values(wrapped, adapter.start, rows, set(targets), whole)
    if adapter.mixer:
        for name, layer in layers(wrapped).items():
            if name.rsplit(".", 1)[-1] in targets:  # the output layer's effective weight knows plain LoRA only
                add_mixer(layer)
    return wrapped


def _other(model: PreTrainedModel, adapter: Adapter, targets: list[str], seed: int, head: LabelHead | None) -> Any:
    """Any other kind: peft's class with the recipe's numbers under the names it has for them."""
    kind = ADAPTER_KINDS[adapter.type]
    given = {**kind.fixed, **kind.Options.model_validate(adapter.options).model_dump()}
    for name, value in (
        (kind.rank_field, adapter.rank),
        (kind.dropout_field, adapter.dropout),
        (kind.seed_field, seed),
    ):
        if name:
            given[name] = value
    if kind.alpha_field:
        given[kind.alpha_field] = int(adapter.alpha)
    given["target_modules"] = _norms(model) if adapter.type == "ln_tuning" else targets
    if adapter.type == "ia3":
        given["feedforward_modules"] = [t for t in targets if t in FEED_FORWARD_ENDS]
    if adapter.type == "adalora":
        given["target_r"] = adapter.rank
    if head is not None:
        given |= {"target_modules": head.pattern(given["target_modules"]), "modules_to_save": list(head.saved)}
    try:
        config = getattr(peft, kind.config)(task_type=task_of(model) if head is None else head.task_type, **given)
        return get_peft_model(model, config, autocast_adapter_dtype=False)
    except (ValueError, RuntimeError, AssertionError, ZeroDivisionError) as e:
        raise _refused(kind, e) from e


def _refused(kind: type[Kind], e: Exception) -> PlanRefused:
    return PlanRefused(
        f"{kind.title} does not fit this student: {(str(e).strip().splitlines() or [type(e).__name__])[0]}",
        field="student.adapter.options",
        hint="Choose sizes that divide the layers' widths, other target layers, or LoRA.",
    )


def _whole(model: PreTrainedModel, adapter: Adapter, head: LabelHead | None) -> list[str] | None:
    """Modules that are trained and saved whole, by the last part of their names; None where there are none."""
    names = [] if head is None else list(head.saved)
    if "embeddings" in adapter.whole:
        table = backbone(model).get_input_embeddings()  # type: ignore[operator]
        names += [n.rsplit(".", 1)[-1] for n, m in model.named_modules() if m is table]
    if "norms" in adapter.whole:
        names += _norms(model)
    return names or None


def _norms(model: PreTrainedModel) -> list[str]:
    inside = backbone(model).named_modules()
    return sorted({name.rsplit(".", 1)[-1] for name, m in inside if type(m).__name__.lower().endswith("norm")})


def trainable(model: Any) -> dict[str, torch.nn.Parameter]:
    """Name -> parameter of everything that is trained, in a fixed order."""
    return {n: p for n, p in sorted(model.named_parameters()) if p.requires_grad}


def training_mode(model: Any) -> None:
    """Only the adapter's own dropout is on: the base's dropout would make teacher and student differ by noise."""
    model.eval()
    for layer in model.modules():
        if isinstance(layer, BaseTunerLayer):
            layer.train()  # type: ignore[attr-defined]  # every peft layer is a module
            layer.get_base_layer().eval()


def is_random(model: Any) -> bool:
    """Whether a training forward draws random numbers: dropout of any kind that is on, or noise on the embeddings."""
    if getattr(model, "noise", None) is not None:
        return True
    for m in model.modules():
        if isinstance(m, torch.nn.Dropout) and m.training and m.p > 0:
            return True
        if any(any(getattr(m, word, {}).values()) for word in ("module_dropout", "rank_dropout") if _table(m, word)):
            return True
    return False


def _table(module: Any, word: str) -> bool:
    """peft keeps a number for each adapter in a dict; some kinds keep modules, which are found as Dropout above."""
    found = getattr(module, word, None)
    return isinstance(found, dict) and all(isinstance(v, float) for v in found.values())


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
