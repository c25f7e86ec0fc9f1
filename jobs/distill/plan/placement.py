"""Where the weights lie when there are several GPUs: a copy on each, shared out, or a GPU for the teacher alone.

A copy on each GPU is fastest, so it is taken wherever it fits. A teacher that fits a GPU but not beside the student gets one
of its own; what fits no GPU at all is shared out, the teacher first, for its forward is read once where the student's is
read twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ..recipe import Merge, Prefer, Reward, Select, Train, Use, Verify, Write
from . import memory
from .case import Case
from .facts import ModelFacts
from .memory import Load
from .result import MemoryPart

EACH, SHARDED, OWN = "each", "sharded", "own"
WHOLE_STARTS = (
    "default",
    "gaussian",
    "orthogonal",
    "pissa",
    "olora",
)  # first values that keep nothing of the base beside it


def places(case: Case) -> dict[str, str]:
    """The placement of each model with files, by name: as asked for, or the first that fits every phase of the run."""
    asked = {
        who: ref.placement for who in ("student", "teacher", *case.facts.teachers) if (ref := case.recipe.model(who))
    }
    if case.facts.device.count < 2:
        return dict.fromkeys(asked, EACH)
    fixed = {who: place for who, place in asked.items() if place != "auto"}
    if fixed.get("student") is None or (case.teacher and fixed.get("teacher") is None):
        for tried in _candidates(case):
            found = {who: fixed.get(who, tried.get(who, EACH)) for who in asked}
            if _fits(_placed(case, found)):
                return found
    return {who: fixed.get(who, EACH) for who in asked}


def _candidates(case: Case) -> Iterator[dict[str, str]]:
    """What may be tried, best first."""
    yield {}
    student = not why_whole(case, "student")
    if case.teacher and not why_not_apart(case):
        yield {"teacher": OWN}
    if case.teacher and not why_whole(case, "teacher"):
        yield {"teacher": SHARDED}
        if student:
            yield {"teacher": SHARDED, "student": SHARDED}
    elif student:
        yield {"student": SHARDED}


def _placed(case: Case, found: dict[str, str]) -> Case:
    trial = replace(case)
    trial.__dict__["places"] = found
    return trial


def _fits(case: Case) -> bool:
    """Whether every phase fits one GPU with a row at a time."""
    room = memory.usable(case)
    phases = [memory.evaluation_parts(case, 1)]
    new = max([case.recipe.evaluation.max_new_tokens, *(stage.max_new_tokens for _, stage in case.generates)])
    if alone := memory.teacher_parts(case, 1, new):  # while the student, which is opened first, waits in memory
        waiting = memory.weight_bytes(case, "student", case.student)
        phases.append([*alone, MemoryPart(name="student weights", bytes=waiting)])
    for _, stage in case.trains:
        phases.append(memory.train_parts(case, Load(1, beside(case, stage), 0, _voices(stage), stage.learner, stage)))
    return not room or max(memory.total(parts) for parts in phases) <= room


def beside(case: Case, stage: Train) -> bool:
    """Whether a model has to run beside who learns: recorded signals would not do, or are not wanted."""
    from .rules.tokens import whole_distribution

    if not case.needs(stage, "teacher") or case.teacher is None or not _voices(stage):
        return False
    if stage.teacher != "auto":
        return stage.teacher == "online"
    new = stage.source.kind != "fixed" or stage.teaching.privileged or case.needs(stage, "aligned")
    return new or any(whole_distribution(term, part) for _, term, part in case.terms(stage))


def _voices(stage: Train) -> tuple[str, ...]:
    return tuple(dict.fromkeys(m.name for m in stage.teaching.members if m.kind == "model"))


def why_whole(case: Case, who: str) -> str:
    """Why this model's weights cannot be shared out; empty where they can."""
    reference = case.recipe.model(who)
    if reference is None or case.endpoint(who):
        return "its weights are not ours"
    if case.labels:
        return "a student that names labels is trained on whole models"
    if getattr(reference, "quantise", "none") != "none":
        return "weights in 4 bits are not shared out"
    if any(s.learner == who for _, s in case.trains) and who != "student":
        return "a stage trains it, and only the student is trained on shared weights"
    if who != "student":
        return ""
    adapter = case.recipe.student.adapter
    if adapter.type != "lora" or adapter.start not in WHOLE_STARTS or adapter.pruned:
        return "this adapter reads whole weights; plain LoRA with the usual first values does not"
    reading = (Merge, Select, Reward, Use)
    by_student = [s for s in case.stages if isinstance(s, Write | Verify | Prefer) and "student" in case.askers(s)]
    stages = [s for s in case.stages if isinstance(s, reading)] + by_student
    return f"'{stages[0].name}' reads the student on one GPU" if stages else ""


def why_not_apart(case: Case, who: str = "teacher") -> str:
    """Why this teacher cannot have a GPU of its own; empty where it can."""
    taught = [s for _, s in case.trains if beside(case, s) and who in _voices(s)]
    if case.labels:
        return "a student that names labels hears it before it trains"
    if not taught:
        return "no stage has it run beside the student"
    if any(len(s.teaching.members) > 1 for s in taught):
        return "it teaches together with others"
    if any(case.needs(s, "aligned") for s in taught):
        return "it reads the rows in its own tokens"
    if any(s.learner != "student" for _, s in case.trains):
        return "a stage trains another model than the student"
    return ""


def held_bytes(case: Case, who: str, model: ModelFacts, whole: int) -> int:
    """Bytes of `whole` that one GPU holds: all, or the embeddings, its part of the blocks, and a block while it is read."""
    if case.places.get("student" if who == "base" else who) != SHARDED:
        return whole
    inside = sum(m.inputs * m.outputs * m.count for m in model.linears) * whole // max(1, model.parameters)
    return int(whole - inside + inside / case.facts.device.count + inside / max(1, model.every_layer))
