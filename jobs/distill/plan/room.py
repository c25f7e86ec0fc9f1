"""Memory of what a stage's rows and terms bring with them: answers being written, a replay buffer, helper modules."""

from __future__ import annotations

from collections.abc import Callable

from ..recipe import Train
from .case import Case
from .facts import ModelFacts

WRITING_BATCH = 32  # answers the student writes at a time
TOKEN = 12  # bytes of a replayed token: its id and two log-probabilities
HELPED = 16  # bytes a helper's parameter: the parameter, its gradient and two moments, fp32


def of_stage(case: Case, stage: Train, learner: ModelFacts, width: int) -> dict[str, int]:
    """Bytes by part; only the parts there are."""
    source, parts = stage.source, {}
    if source.kind in ("student", "mixed"):
        length = min(case.lengths.mean_prompt + source.max_new_tokens, case.max_length)
        parts["rollout cache"] = int(WRITING_BATCH * length * cache_bytes(learner, width))
        held = min(source.window * stage.batch_size, 10**7) + source.replay
        if source.replay:
            parts["replay"] = int(held * min(source.max_new_tokens, case.max_length) * TOKEN)
    if helped := helper_parameters(case, stage, learner):
        parts["helper modules"] = helped * HELPED
    return parts


def cache_bytes(model: ModelFacts, width: int) -> int:
    """Keys and values of one token in every layer."""
    return model.layers * 2 * model.kv_heads * (model.hidden_size // max(1, model.heads)) * width


def helper_parameters(case: Case, stage: Train, learner: ModelFacts) -> int:
    """Trained beside the adapter: what each term says it needs between the widths of both models."""
    named = [m.name for m in stage.teaching.members if m.kind == "model"]
    teacher = case.model(named[0]) if named else learner
    if teacher is None:
        return 0
    widths = learner.hidden_size, teacher.hidden_size
    n = 0
    for _, term, part in case.terms(stage):
        if hasattr(part, "helper_parameters"):
            n += part.helper_parameters(*widths)
        elif "layers" in part.needs and part.id in MAPS:
            layers = term.options.get("layers", part.Options.model_fields["layers"].default)
            n += MAPS[part.id](*widths) * _pairs(str(layers), learner.layers)
    return n


def _pairs(layers: str, blocks: int) -> int:
    """Pairs of layers that a map names: the last, every block of the learner, or those spelled out."""
    return {"last": 1, "uniform": blocks}.get(layers, layers.count(",") + 1)


MAPS: dict[str, Callable[[int, int], int]] = {  # of one pair of layers: a projection; a filter of each side
    "hidden": lambda student, teacher: (student + 1) * teacher,
    "task-aware-layers": lambda student, teacher: (
        (student + 1) * teacher + 2 * student + (teacher + 1) * teacher + 2 * teacher
    ),
}
