"""What the board shows for a draft: pickers, fields of each card, the check, the recipe as text."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from django.utils.functional import SimpleLazyObject

from jobs.distill.catalog import SYSTEMS, System, options_schema
from jobs.distill.catalog.system import GROUPS
from jobs.distill.errors import DistillError
from jobs.distill.plan.result import Fix, Plan, Problem
from workbench.endpoints.queries import endpoints as of_team
from workbench.runs import words
from workbench.team.models import User

from . import actions, editing, forms, history, judgement, lanes, methods, nodes, paths, queries, recipe_text
from .models import Draft

FIT = 0.9  # share of the device above which the bar turns to "tight"


@dataclass(frozen=True)
class Bar:
    """One part of the memory bar, as a share of the device (or of the sum, where the device is unknown)."""

    name: str
    bytes: int
    share: float
    tone: int


def board(draft: Draft, user: User) -> dict[str, Any]:
    """The context of the board and of each of its partials. Lists that only the whole page shows are read when it does."""
    fields = draft.fields if isinstance(draft.fields, dict) else {}
    check = queries.check(draft.team, fields)
    data = queries.complete(fields)
    system = queries.system_of(fields)
    found = SimpleLazyObject(lambda: methods.choices(check, data.get("method")))
    judged = judgement.context(draft, check, user)
    return {
        "draft": draft,
        "fields": data,
        "check": check,
        "cards": {
            card: dict(zip(("simple", "advanced"), inputs(card, fields, check, system), strict=True))
            for card in forms.CARDS
        },
        "more": SimpleLazyObject(lambda: nodes.rest(data)),
        "card_names": tuple(forms.CARDS),
        "spelled": bool(isinstance(data.get("stages"), list) and data["stages"]),
        "options": forms.option_inputs(options_schema(system), fields) if system else [],
        "advanced_options": {f"options.{k}" for k, o in (system.options if system else {}).items() if o.advanced},
        "system": system,
        "method_name": system.title if system else data.get("method") or "Own stages",
        "methods": found,
        "method_groups": SimpleLazyObject(lambda: methods.grouped(list(found))),
        **_lists(draft, fields),
        **judged,
        "proposal": proposed_metric(check, data),
        "memory": memory_bars(against.plan if (against := judged["against"]) else None),
        "counts": card_problems(check),
        "recipe_text": recipe_text.dump(data, draft.comments),
        "stages": stages(data, check),
        "kinds": [(kind, lanes.WORDS[kind], lanes.ABOUT[kind], lanes.ICONS[kind]) for kind in lanes.ABOUT],
        "tab": uuid.uuid4().hex,
        "last": SimpleLazyObject(lambda: draft.changes.filter(number=draft.head).exclude(parent=None).first()),
        "can_redo": SimpleLazyObject(lambda: history.ahead(draft) is not None),
        "other_drafts": SimpleLazyObject(lambda: queries.recent_drafts(draft.team, user, draft)),
    }


SECTIONS = {
    "teacher": "Teacher", "student": "Student", "dataset": "Dataset", "method": "Method", "training": "Training",
    "adapter": "Adapter", "evaluation": "Evaluation", "output": "Output",
}  # fmt: skip


def form_page(draft: Draft) -> dict[str, Any]:
    """What only the plain form needs: its sections, the methods by group, the chosen models."""
    groups = [
        (methods.GROUP_TITLES[g][0], [s for s in SYSTEMS.values() if s.group == g and s.status == "works"])
        for g in GROUPS
    ]
    picked = {role: paths.get(draft.fields, f"{role}.model") for role in ("teacher", "student")}
    return {"form_cards": list(SECTIONS.items()), "systems": [g for g in groups if g[1]], "picked": picked}


def _lists(draft: Draft, fields: dict[str, Any]) -> dict[str, Any]:
    """What the pickers offer, read when a template asks for it; the keys tell which choice is none of them."""
    models = SimpleLazyObject(lambda: queries.models(draft.team))
    endpoints = SimpleLazyObject(lambda: list(of_team(draft.team)))
    datasets = SimpleLazyObject(lambda: queries.datasets(draft.team))
    versions = SimpleLazyObject(lambda: queries.versions(draft.team, paths.get(fields, "data.dataset")))
    return {
        "models": models,
        "datasets": datasets,
        "versions": versions,
        "endpoints": endpoints,
        "model_keys": SimpleLazyObject(lambda: {m.key for m in models} | {e.key for e in endpoints}),
        "dataset_keys": SimpleLazyObject(lambda: {d.key for d in datasets}),
        "version_numbers": SimpleLazyObject(lambda: {v.number for v in versions}),
    }


def stages(fields: dict[str, Any], check: queries.Check) -> lanes.Lanes:
    """The draft's stages, or those that its method stands for; none where the method does not say."""
    spelled = isinstance(fields.get("stages"), list) and fields["stages"]
    if spelled or not fields.get("method"):
        return lanes.lanes(fields.get("stages"), [*check.refusals, *check.warnings])
    try:
        return lanes.lanes(editing.spell_out(fields)["stages"])
    except DistillError:
        return lanes.Lanes()


def inputs(
    card: str, fields: dict[str, Any], check: queries.Check, system: System | None
) -> tuple[list[forms.Input], list[forms.Input]]:
    """Fields of a card; what the method or the models decide is written into their placeholders and suggestions."""
    simple, more = forms.inputs(card, fields)
    return [_informed(i, check, system) for i in simple], [_informed(i, check, system) for i in more]


def _informed(item: forms.Input, check: queries.Check, system: System | None) -> forms.Input:
    name = item.path.removeprefix("train.")
    default = system.defaults.get(name) if system and item.path.startswith("train.") else None
    if default is not None:
        return forms.Input(
            **{**item.__dict__, "default": default.value, "help": " ".join(x for x in (item.help, default.why) if x)}
        )
    if item.path == "name" and check.recipe:
        return forms.Input(**{**item.__dict__, "default": actions.default_name(check.recipe, check.found)})
    student = check.found.student_facts
    if item.path == "student.adapter.targets" and student:
        return forms.Input(**{**item.__dict__, "suggestions": tuple(dict.fromkeys(m.name for m in student.linears))})
    return item


def proposed_metric(check: queries.Check, fields: dict[str, Any]) -> dict[str, Any] | None:
    """The metric that the task of the rows proposes, with the press that takes it; None once one was chosen."""
    task = (check.found.version.mapping or {}).get("task") if check.found.version else None
    metric = task.get("metric") if isinstance(task, dict) else None
    if metric not in words.METRICS or paths.get(fields, "evaluation.metric") not in (None, "auto"):
        return None
    said = words.METRICS[metric]
    return {"task": task, "words": said, "fix": Fix(label=f"Score by {said}", field="evaluation.metric", value=metric)}


def memory_bars(plan: Plan | None) -> dict[str, Any] | None:
    """Parts of the peak against the device; None without a plan."""
    if plan is None or not plan.memory:
        return None
    whole = max(plan.device_bytes, plan.memory_bytes) or 1
    parts = [
        Bar(p.name, p.bytes, p.bytes / whole, i % 8) for i, p in enumerate(sorted(plan.memory, key=lambda p: -p.bytes))
    ]
    used = plan.memory_bytes / plan.device_bytes if plan.device_bytes else None
    state = "" if used is None else "too much" if used > 1 else "tight" if used > FIT else "fits"
    return {"parts": parts, "used": used, "state": state, "device": plan.device_bytes, "total": plan.memory_bytes}


def card_problems(check: queries.Check) -> dict[str, dict[str, list[Problem]]]:
    """card -> refusals and warnings that belong to it."""
    out: dict[str, dict[str, list[Problem]]] = {}
    for kind, problems in (("refusals", check.refusals), ("warnings", check.warnings)):
        for p in problems:
            out.setdefault(forms.card_of(p.field), {"refusals": [], "warnings": []})[kind].append(p)
    return out
