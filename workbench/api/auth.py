"""Who asks: a token of the team (Authorization: Bearer wb_...) or the signed-in browser with its CSRF token."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone
from ninja.security import APIKeyCookie, HttpBearer
from ninja.utils import check_csrf

from workbench.datasets import uploads
from workbench.team.models import ApiToken, Membership, Role
from workbench.team.permissions import allows

from .answers import Refusal

SAFE = ("GET", "HEAD", "OPTIONS")
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data", "text/plain")
UPLOAD = "/datasets/uploads"


def _refuse_forms(request: HttpRequest) -> None:
    """Browsers post forms across sites without asking; this API does not read them, except for an upload's file."""
    if request.method != "POST" or (request.path.endswith(UPLOAD) and request.content_type != FORMS[0]):
        return
    if request.content_type in FORMS:
        raise Refusal(
            415,
            "NOT_JSON",
            f"This address takes JSON, not {request.content_type}.",
            hint="Send Content-Type: application/json.",
        )


class Token(HttpBearer):
    """A key made on the settings page. Only its hash is stored."""

    openapi_description = "A key of your team, made under Settings: Authorization: Bearer wb_..."

    def authenticate(self, request: HttpRequest, token: str) -> Any:
        now = timezone.now()
        key = (
            ApiToken.objects.select_related("user", "team")
            .filter(sha256=ApiToken.digest(token), revoked_at=None, user__is_active=True)
            .first()
        )
        member = Membership.objects.filter(team=key.team, user=key.user).first() if key else None
        if key is None or member is None:
            return None
        _refuse_forms(request)
        request.user, request.team, request.role = key.user, key.team, member.role  # type: ignore[attr-defined]
        stale = Q(last_used_at=None) | Q(last_used_at__lt=now - timedelta(minutes=1))
        ApiToken.objects.filter(stale, pk=key.pk).update(last_used_at=now)
        return key.user


class Session(APIKeyCookie):
    """The browser's own session; anything that changes something needs the CSRF token as X-CSRFToken."""

    param_name = "sessionid"
    openapi_description = "The signed-in browser"

    def __init__(self) -> None:
        super().__init__(csrf=False)  # checked below, only for those who are signed in

    def authenticate(self, request: HttpRequest, key: str | None) -> Any:
        if (
            request.headers.get("Authorization")
            or not request.user.is_authenticated
            or getattr(request, "team", None) is None
        ):
            return None
        if request.method not in SAFE:
            _refuse_forms(request)
            if request.path.endswith(UPLOAD):
                uploads.install(request)
            if check_csrf(request):
                raise Refusal(
                    403,
                    "CSRF",
                    "The CSRF token is missing or wrong.",
                    hint="Send the csrftoken cookie's value as X-CSRFToken.",
                )
        return request.user


def need(request: HttpRequest, role: str) -> None:
    """Refusal 403 below `role`."""
    if not allows(request.role, role):  # type: ignore[attr-defined]
        raise Refusal(
            403,
            "ROLE",
            f"This needs the role {Role(role).label.lower()} or higher.",
            hint="Ask an administrator of your team.",
        )
