"""Clone and change: a run's recipe as a new draft of the studio."""

from __future__ import annotations

from typing import Any

from jobs.distill import recipe as recipes
from workbench.studio.models import Draft
from workbench.team.models import User

from .models import Run


def to_draft(run: Run, user: User) -> Draft:
    """A draft of the same team with what was chosen for `run`; the run itself never changes.

    Hashes are left out: they are pinned again when the draft is submitted, for whatever model or data it then names.
    """
    fields: dict[str, Any] = recipes.to_dict(recipes.parse(run.spec))
    for part in ("teacher", "student", "data"):
        fields.get(part, {}).pop("sha256", None)
    for further in fields.get("teachers", []):
        further.pop("sha256", None)
    fields["name"] = f"{run.title} (changed)"[:200]
    return Draft.objects.create(team=run.team, created_by=user, title=fields["name"], fields=fields)
