"""Drafts that begin with a template's recipe."""

from __future__ import annotations

from copy import deepcopy

from jobs.samples.templates import TEMPLATES
from workbench.team.models import Team, User

from .models import Draft


def start_from(team: Team, user: User, template_id: str) -> Draft:
    """Raises KeyError for an unknown template."""
    fields = deepcopy(TEMPLATES[template_id].recipe)
    return Draft.objects.create(team=team, created_by=user, title=str(fields.get("name", ""))[:200], fields=fields)
