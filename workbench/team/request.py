"""A request as every view behind the sign-in gets it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails

if TYPE_CHECKING:
    from .models import Team, User


class TeamRequest(HttpRequest):
    """Set by TeamMiddleware and HtmxMiddleware; the API's own authentication sets the first three."""

    user: User  # type: ignore[assignment]
    team: Team
    role: str
    htmx: HtmxDetails
