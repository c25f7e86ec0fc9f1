"""What people start about profiles: measuring a version, and a check of its rows against evaluation sets."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from typing import Any

from django.db.models import Q

from jobs.distill.errors import DataRefused
from workbench.runs import actions as runs
from workbench.runs.models import Kind, Run, State
from workbench.team.models import Team, User

from . import profiles
from .models import DatasetVersion

MOST_SETS = 5
PARTS = ("all", "heldout")


def measure(found: DatasetVersion, team: Team, user: User) -> Run:
    """Profiles a version in the background; one that is under way is not started twice."""
    under_way = profiles.measuring(found)
    if under_way and not under_way.is_ended and under_way.team_id == team.pk:
        return under_way
    title = f"Profile of {found.dataset.title}"[:200]
    return runs.start_run(Kind.PROFILE_DATASET, team, user, title, {"version": str(found.pk)}, dataset_version=found)


def check_against(found: DatasetVersion, team: Team, user: User, others: Sequence[tuple[uuid.UUID, str]]) -> Run:
    """Looks for the rows of other versions (id, all | heldout) in this one, in the background; the same question twice is one.

    Raises DataRefused for none, too many, unknown ones and for the version itself.
    """
    against = [{"version": str(pk), "rows": part if part in PARTS else "all"} for pk, part in others]
    if not 0 < len(against) <= MOST_SETS:
        raise DataRefused(
            f"{len(against)} evaluation sets were chosen; one to {MOST_SETS} can be held against the rows at a time.",
            field="against",
            hint="Choose the sets that the student is judged on.",
        )
    if str(found.pk) in {a["version"] for a in against}:
        raise DataRefused(
            "A version cannot be held against itself.",
            field="against",
            hint="The profile says what its training and held-out rows share.",
        )
    seen = Q(dataset__team=team) | Q(dataset__team=None)
    known = DatasetVersion.objects.filter(seen, pk__in=[pk for pk, _ in others]).values_list("pk", flat=True)
    if len(set(known)) < len({pk for pk, _ in others}):
        raise DataRefused("One of the evaluation sets does not exist.", field="against", hint="Choose the sets again.")
    spec: dict[str, Any] = {"version": str(found.pk), "against": sorted(against, key=lambda a: a["version"])}
    key = uuid.uuid5(team.pk, json.dumps(spec, sort_keys=True))
    before = Run.objects.filter(idem_key=key, team=team).first()
    if before and before.is_ended and before.state != State.SUCCEEDED:
        key = uuid.uuid4()
    title = f"Contamination of {found.dataset.title}"[:200]
    return runs.start_run(Kind.PROFILE_DATASET, team, user, title, spec, idem_key=key, dataset_version=found)
