"""What the settings page shows; everything scoped to one team."""

from __future__ import annotations

from django.db.models import QuerySet

from .models import ApiToken, Membership, Role, Team, User


def members(team: Team) -> QuerySet[Membership]:
    return Membership.objects.filter(team=team).select_related("user").order_by("user__email")


def tokens(team: Team, user: User) -> QuerySet[ApiToken]:
    """The person's own keys that still work, newest first."""
    return ApiToken.objects.filter(team=team, user=user, revoked_at=None).order_by("-created_at")


def is_last_admin(membership: Membership) -> bool:
    if membership.role != Role.ADMIN:
        return False
    return not Membership.objects.filter(team=membership.team, role=Role.ADMIN).exclude(pk=membership.pk).exists()
