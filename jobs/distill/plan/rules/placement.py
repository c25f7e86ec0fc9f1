"""Rules about where weights lie on several GPUs: what was asked for must be possible, and must do something."""

from __future__ import annotations

from collections.abc import Iterator

from ..case import Case
from ..findings import Finding, fix, refuse, warn
from ..placement import OWN, SHARDED, why_not_apart, why_whole
from ..rows import Rows


def asked_for(case: Case) -> list[tuple[str, str, str]]:
    """(name, field, placement) of the models whose weights are not to be a copy on every GPU."""
    found: list[tuple[str, str, str]] = []
    for who in ("student", "teacher", *(t.id for t in case.recipe.teachers)):
        reference = case.recipe.model(who)
        if reference is not None and reference.placement in (SHARDED, OWN):
            found.append((who, f"{case.recipe.field_of(who).rpartition('.')[0]}.placement", reference.placement))
    return found


def placements_are_possible(case: Case, rows: Rows) -> Iterator[Finding]:
    asked = asked_for(case)
    for who, field, place in asked:
        copies = fix("A copy on each GPU", field, "each")
        if place == OWN and (why := why_not_apart(case, who)):
            yield refuse("PLACEMENT_OWN", field, f"The {who} cannot have a GPU of its own: {why}.", copies)
        elif place == OWN and len(asked) > 1:
            yield refuse(
                "PLACEMENT_OWN", field, "Where a teacher has a GPU of its own, nothing else is shared out.", copies
            )
        elif place == SHARDED and (why := why_whole(case, who)):
            yield refuse("PLACEMENT_SHARDED", field, f"The weights of the {who} cannot be shared out: {why}.", copies)


def placements_do_something(case: Case, rows: Rows) -> Iterator[Finding]:
    device = case.facts.device
    if device.count < 2:
        for who, field, place in asked_for(case):
            yield warn(
                "PLACEMENT_ONE_GPU",
                field,
                f"{device.name} is one device, so the {who} is not {'shared out' if place == SHARDED else 'apart'} there: it is loaded whole.",
                fix("Decide automatically", field, "auto"),
            )


RULES = (placements_are_possible, placements_do_something)
