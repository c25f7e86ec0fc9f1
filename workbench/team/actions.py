"""Changes to people, teams and keys."""

from __future__ import annotations

import secrets

from django.db import transaction
from django.utils import timezone

from . import queries
from .models import ApiToken, Membership, Team, User


class TeamRefused(Exception):
    """A change the team's rules do not allow; the message is for the person who asked."""


def make_token(team: Team, user: User, name: str) -> str:
    """A new API key. Returns its text, which is stored nowhere: only its hash is."""
    text = ApiToken.new_text()
    ApiToken.objects.create(team=team, user=user, name=name, sha256=ApiToken.digest(text))
    return text


def revoke_token(token: ApiToken) -> None:
    ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now())


@transaction.atomic
def add_member(team: Team, email: str, role: str) -> str:
    """Puts a person on the team. Returns the first password of a new account, or "" for one that exists.

    Raises TeamRefused when the person is on a team already: everybody works in one team.
    """
    user = User.objects.filter(email__iexact=email).first()
    password = ""
    if user is None:
        password = secrets.token_urlsafe(12)
        user = User.objects.create_user(username=email.lower()[:150], email=email.lower(), password=password)
    if Membership.objects.filter(user=user).exists():
        raise TeamRefused(f"{email} is on a team already. Everybody works in one team at a time.")
    Membership.objects.create(team=team, user=user, role=role)
    return password


@transaction.atomic
def new_password(membership: Membership) -> str:
    """A new first password for somebody who forgot theirs; signs them out everywhere. Returns the text, stored nowhere."""
    password = secrets.token_urlsafe(12)
    membership.user.set_password(password)
    membership.user.save(update_fields=["password"])
    return password


@transaction.atomic
def change_role(membership: Membership, role: str) -> None:
    _keep_an_admin(membership, role)
    Membership.objects.filter(pk=membership.pk).update(role=role)


@transaction.atomic
def remove_member(membership: Membership) -> None:
    """Takes a person off the team and revokes the keys they made there; their runs stay."""
    _keep_an_admin(membership, None)
    ApiToken.objects.filter(team=membership.team, user=membership.user, revoked_at=None).update(
        revoked_at=timezone.now()
    )
    membership.delete()


def _keep_an_admin(membership: Membership, role: str | None) -> None:
    list(Membership.objects.select_for_update().filter(team=membership.team))
    if role != membership.role and queries.is_last_admin(membership):
        raise TeamRefused("This is the team's last administrator. Make somebody else an administrator first.")
