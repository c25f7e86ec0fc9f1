"""The first account and its team, made once. The password is shown at each start until somebody changes it."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

EMAIL = "admin@workbench.example"


def ensure(data_dir: Path) -> tuple[str, str | None]:
    """(e-mail, password); the password is None once it was changed. ADMIN_EMAIL and ADMIN_PASSWORD choose them at first start."""
    from workbench.team.models import Membership, Role, Team, User

    note = data_dir / "first_login"
    user = User.objects.filter(is_superuser=True).order_by("date_joined").first()
    if user is None:
        email, password = (
            os.environ.get("ADMIN_EMAIL") or EMAIL,
            os.environ.get("ADMIN_PASSWORD") or secrets.token_urlsafe(9),
        )
        user = User.objects.create_superuser(username=email, email=email, password=password)
        team = Team.objects.create(name="My team")
        Membership.objects.create(team=team, user=user, role=Role.ADMIN)
        note.touch(mode=0o600)
        note.write_text(password)
    password = note.read_text().strip() if note.exists() else ""
    return user.email, password if password and user.check_password(password) else None
