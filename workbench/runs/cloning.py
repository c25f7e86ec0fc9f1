"""Clone and change: a run's recipe as a new draft of the studio."""

from __future__ import annotations

from workbench.studio.models import Draft
from workbench.team.models import User

from .models import Run


def to_draft(run: Run, user: User) -> Draft:
    """A draft of the same team with the frozen recipe of `run`; the run itself never changes."""
    title = f"{run.title} (changed)"[:200]
    return Draft.objects.create(team=run.team, created_by=user, title=title, fields={**run.spec, "name": title})
