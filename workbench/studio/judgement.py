"""What the summary says beyond the plan: the chosen GPU, ways to need less memory, predicted times, the dry run, the tour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.functional import SimpleLazyObject

from jobs.distill.plan.compiler import compile as compile_plan
from jobs.distill.plan.facts import DeviceFacts
from jobs.distill.plan.gpus import BY_ID, GPUS
from jobs.distill.plan.result import Plan, Saving
from jobs.distill.plan.spent import savings
from workbench.runs.models import Queue, Slot
from workbench.team.models import User

from . import dry_runs, further, queries, tour
from .forecast import forecast
from .models import Draft
from .queries import Check

TIGHT = 0.9  # share of the device from which on ways to need less are offered
SLOT = "slot:"


@dataclass(frozen=True)
class Device:
    """One entry of the selector. `id` is "" for the slot that the run would get."""

    id: str
    name: str
    facts: DeviceFacts

    @property
    def memory_bytes(self) -> int:
        return self.facts.memory_bytes


@dataclass(frozen=True)
class Against:
    """The plan on the device that memory is shown against, with what would need less where it is tight."""

    device: Device
    plan: Plan
    savings: tuple[Saving, ...]
    is_elsewhere: bool  # not the device that the run would get


def context(draft: Draft, check: Check, user: User) -> dict[str, Any]:
    """For the board and its partials. Nothing is looked up before a template asks for it."""
    measured = dry_runs.measured(draft, check)
    return {
        "devices": SimpleLazyObject(lambda: devices(check)),
        "against": against(draft, check),
        "measured": measured,
        "forecast": forecast(_seconds(check.plan, measured)) if check.plan else None,
        "further": SimpleLazyObject(lambda: further.wanted(queries.system_of(draft.fields), draft.fields)),
        "tour": SimpleLazyObject(lambda: tour.shown(user)),
        "tour_steps": tour.STEPS,
    }


def _seconds(plan: Plan, measured: dry_runs.Measured | None) -> float:
    """Measured where a dry run of this very recipe was, else the estimate."""
    return measured.seconds if measured and measured.counts and measured.seconds is not None else plan.seconds


def devices(check: Check) -> list[Device]:
    """The slot a run would get, the other slots that answer, then common GPUs."""
    found = [Device("", f"Here: {check.found.device.name}", check.found.device)]
    slots = Slot.objects.taking().filter(queue=Queue.GPU).order_by("host", "name")
    seen = {check.found.device.model_dump_json()}
    for slot in slots:
        facts = DeviceFacts.model_validate(slot.device or {})
        if slot.device and facts.model_dump_json() not in seen:
            seen.add(facts.model_dump_json())
            found.append(Device(f"{SLOT}{slot.pk}", f"Here: {facts.name}", facts))
    return [*found, *(Device(g.id, g.name, g.facts) for g in GPUS)]


def choose_device(draft: Draft, id: str) -> None:
    """Remembers what to plan against; an unknown id means the slots here."""
    known = id in BY_ID or (id.startswith(SLOT) and id.removeprefix(SLOT).isdigit())
    chosen = id if known else ""
    if chosen != draft.device:
        Draft.objects.filter(pk=draft.pk).update(device=chosen)
        draft.device = chosen


def against(draft: Draft, check: Check) -> Against | None:
    """The plan on the chosen device; the check's own plan where none is chosen. None without a plan."""
    if check.plan is None or check.recipe is None:
        return None
    device = _chosen(draft, check)
    facts = check.found.facts()
    if facts is None:
        return None
    elsewhere = device.id != ""
    facts = facts.model_copy(update={"device": device.facts})
    plan = compile_plan(check.recipe, facts) if elsewhere else check.plan
    used = plan.memory_bytes / plan.device_bytes if plan.device_bytes else 0.0
    found = savings(check.recipe, facts, plan, compile_plan) if used > TIGHT else []
    return Against(device, plan, tuple(found), elsewhere)


def _chosen(draft: Draft, check: Check) -> Device:
    if draft.device in BY_ID:
        gpu = BY_ID[draft.device]
        return Device(gpu.id, gpu.name, gpu.facts)
    if draft.device.startswith(SLOT):
        slot = Slot.objects.filter(pk=draft.device.removeprefix(SLOT)).first()
        if slot and slot.device:
            facts = DeviceFacts.model_validate(slot.device)
            return Device(draft.device, f"Here: {facts.name}", facts)
    return Device("", f"Here: {check.found.device.name}", check.found.device)
