"""recipe + facts -> plan: expands, checks every rule, estimates memory, time and disk, and says why for each choice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .. import recipe as recipes
from ..errors import DistillError
from ..recipe import Loop, Recipe
from . import endpoints, memory, time
from .case import Case
from .choices import choices
from .facts import Facts, ModelFacts
from .findings import Finding, fix, refuse
from .pairing import pairing
from .result import MemoryPart, Plan, Problem, Verdict
from .rows import count_rows, rows_use
from .rules import check
from .spent import teacher_use
from .stages import Work, plan_stages
from .words import size


def compile(
    recipe: Recipe,
    facts: Facts,
    *,
    expand: Callable[[Recipe], Recipe] | None = None,
    parts: Mapping[str, Any] | None = None,
) -> Plan:
    """The plan for this recipe on these models, rows and device. Never raises for a valid recipe: what cannot work is a
    refusal. `expand` and `parts` default to the catalogue's."""
    from .. import catalog

    parts = catalog.PARTS if parts is None else parts
    try:
        full, wrong = (expand or catalog.expand)(recipe), None
    except DistillError as e:
        wrong = Problem(code=e.code, field=e.field or "method", message=e.message)
        if not recipe.stages:
            return Plan(recipe=recipe, recipe_sha256=recipes.sha256(recipe), verdict=_verdict(facts), refusals=[wrong])
        full = recipe  # spelled out already: the rules below say what else is wrong, with fixes
    remaining = [s for s in catalog.SYSTEMS.values() if s.status == "works" and not s.needs.same_vocabulary]
    # those made for different tokenizers first, then those that read text alone
    remaining.sort(key=lambda s: (s.group != "tokenizers", s.id not in ("seqkd", "sft")))
    by_text = [s.title for s in remaining]
    return _plan(Case(recipe, full, facts, parts, by_text), wrong)


def estimate(recipe: Recipe, facts: Facts) -> Plan | None:
    """Time, rows and stages of a recipe without checking it: enough to compare many methods. None where it does not expand."""
    from .. import catalog

    try:
        case = Case(recipe, catalog.expand(recipe), facts, catalog.PARTS)
    except DistillError:
        return None
    rows = count_rows(case)
    work = plan_stages(case, rows)
    return Plan(
        recipe=recipe,
        recipe_sha256="",
        stages=work.stages,
        seconds=_seconds(case, work),
        disk_bytes=work.disk,
        rows=rows_use(case, rows),
    )


def _seconds(case: Case, work: Work) -> float:
    return time.LOAD.get(case.facts.device.kind, 6.0) + sum(s.seconds for s in work.stages)


def _plan(case: Case, wrong: Problem | None) -> Plan:
    rows = count_rows(case)
    work = plan_stages(case, rows)
    findings = [*check(case, rows), *_memory_findings(case, work)]
    refusals = [f.problem for f in findings if f.refusal]
    if wrong and all(p.field != wrong.field for p in refusals):
        refusals.insert(0, wrong)
    peak = max(work.phases, key=memory.total, default=[])
    return Plan(
        recipe=_resolved(case, work),
        recipe_sha256=recipes.sha256(case.asked),
        verdict=_verdict(case.facts, case.student),
        verdicts={name: pairing(case.student, found, case.labels) for name, found in case.facts.teachers.items()}
        | {who: endpoints.verdict(case.student, e) for who, e in case.facts.endpoints.items() if who != "teacher"},
        refusals=_unique(refusals),
        warnings=_unique(f.problem for f in findings if not f.refusal),
        choices=[*choices(case), *work.choices],
        memory=peak,
        memory_bytes=memory.total(peak),
        device_bytes=case.facts.device.memory_bytes,
        stages=work.stages,
        seconds=_seconds(case, work),
        disk_bytes=work.disk,
        rows=rows_use(case, rows),
        teacher=teacher_use(case, work),
        endpoints=endpoints.uses(case, rows),
    )


def _verdict(facts: Facts, student: ModelFacts | None = None) -> Verdict | None:
    student = student or facts.student
    if there := facts.endpoints.get("teacher"):
        return endpoints.verdict(student, there)
    return pairing(student, facts.teacher) if facts.teacher else None


def _resolved(case: Case, work: Work) -> Recipe:
    """The expanded recipe with the automatic choices filled in: what the engine carries out."""
    flat = iter(s.model_copy(update=work.resolved.get(i, {})) for i, s in enumerate(case.stages))
    stages = []
    for stage in flat:
        inner = [next(flat) for _ in stage.stages] if isinstance(stage, Loop) else []
        stages.append(stage.model_copy(update={"stages": inner}) if inner else stage)
    data = case.recipe.data.model_copy(update={"max_length": max(8, case.max_length)})
    evaluation = case.recipe.evaluation.model_copy(update={"batch_size": work.evaluation_batch})
    resolved = case.recipe.model_copy(update={"stages": stages, "data": data, "evaluation": evaluation})
    return _placed(case, resolved)


def _placed(case: Case, recipe: Recipe) -> Recipe:
    """With the place of each model's weights, where there is a choice."""
    if case.facts.device.count < 2:
        return recipe

    def at(who: str, reference: Any) -> Any:
        free = reference is not None and reference.placement == "auto" and who in case.places
        return reference.model_copy(update={"placement": case.places[who]}) if free else reference

    return recipe.model_copy(update={
        "student": at("student", recipe.student), "teacher": at("teacher", recipe.teacher),
        "teachers": [at(t.id, t) for t in recipe.teachers],
    })  # fmt: skip


def _memory_findings(case: Case, work: Work) -> list[Finding]:
    """The phase that needs most against the device; the fix is the cheapest thing that helps."""
    room, peak = memory.usable(case), max(work.phases, key=memory.total, default=[])
    need = memory.total(peak)
    if not room or need <= room:
        return []
    device = case.facts.device
    text = f"The run needs about {size(need)}, {device.name} has {size(device.memory_bytes)} ({size(room)} of it usable). Most goes to {_largest(peak)}."
    return [_memory_fix(case, text, {p.name for p in peak})]


def _memory_fix(case: Case, text: str, parts: set[str]) -> Finding:
    code = "MEMORY_TOO_SMALL"
    for i, stage in case.trains:
        if "teacher weights" in parts and "student weights" in parts and stage.teacher == "online":
            return refuse(
                code,
                case.field(i, "teacher"),
                f"{text} Recorded signals let the teacher leave before the student trains.",
                fix("Use recorded signals", case.field(i, "teacher"), "recorded"),
            )
        if "optimizer" in parts and stage.micro_batch and stage.micro_batch > 1:
            return refuse(
                code,
                case.field(i, "micro_batch"),
                f"{text} A smaller micro-batch gives the same result.",
                fix("Choose the micro-batch automatically", case.field(i, "micro_batch"), None),
            )
    if "optimizer" not in parts:
        return refuse(code, "teacher.model", f"{text} Choose a smaller teacher, or a device with more memory.")
    if case.max_length > 512:
        half = case.max_length // 2
        return refuse(
            code,
            "data.max_length",
            f"{text} It does not fit even at micro-batch 1. Shorter rows need less; so does a smaller student.",
            fix(f"Limit rows to {half:,} tokens", "data.max_length", half),
        )
    return refuse(
        code,
        "student.model",
        f"{text} It does not fit even at micro-batch 1. Choose a smaller student, or a device with more memory.",
    )


def _largest(parts: list[MemoryPart]) -> str:
    part = max(parts, key=lambda p: p.bytes)
    return f"{part.name} ({size(part.bytes)})"


def _unique(problems: Any) -> list[Problem]:
    """Two stages can find the same thing; a person reads it once."""
    out: dict[tuple[str, str | None, str], Problem] = {}
    for p in problems:
        out.setdefault((p.code, p.field, p.message), p)
    return list(out.values())
