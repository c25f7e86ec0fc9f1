"""What people do to the library: add models, keep the team's hub token."""

from __future__ import annotations

import uuid
from pathlib import Path

from workbench.runs.actions import start_run
from workbench.runs.models import Kind, Run
from workbench.team.models import Team, User

from . import secrets
from .models import HubToken, Source

HUB = "hub-token"


def add_from_hub(
    team: Team, user: User, model: str, revision: str = "main", token: str = "", idem_key: uuid.UUID | None = None
) -> Run:
    """Starts the work that fetches a model by id and revision, checks it and measures its facts."""
    if token:
        set_hub_token(team, user, token)
    spec = {"source": Source.HUB.value, "key": model, "revision": revision or "main"}
    return start_run(Kind.ADD_MODEL, team, user, f"Add {model}", spec, idem_key=idem_key)


def add_from_folder(team: Team, user: User, folder: Path, idem_key: uuid.UUID | None = None) -> Run:
    """Starts the work that checks a folder on the server and measures its facts; its files are copied, so that what was checked is what is used."""
    spec = {"source": Source.FOLDER.value, "key": f"local/{folder.name}", "path": str(folder)}
    return start_run(Kind.ADD_MODEL, team, user, f"Add {folder.name}", spec, idem_key=idem_key)


def set_hub_token(team: Team, user: User | None, token: str) -> None:
    HubToken.objects.update_or_create(team=team, defaults={"sealed": secrets.seal(token, HUB), "set_by": user})


def remove_hub_token(team: Team) -> None:
    HubToken.objects.filter(team=team).delete()


def hub_token(team: Team) -> str:
    """For workers only: the team's token, or empty. Raises ValueError when SECRET_KEY has changed."""
    stored = HubToken.objects.filter(team=team).first()
    return secrets.unseal(stored.sealed, HUB) if stored else ""
