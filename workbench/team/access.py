"""Who may do what: decorators for views. The order is viewer, member, operator, administrator."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse

from .models import Role

ORDER = [Role.VIEWER, Role.MEMBER, Role.OPERATOR, Role.ADMIN]

View = Callable[..., HttpResponse]


def allows(role: str | None, least: str) -> bool:
    return role in ORDER and ORDER.index(Role(role)) >= ORDER.index(Role(least))


def needs(least: str) -> Callable[[View], View]:
    """403 for people on the team whose role is below `least`."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not allows(getattr(request, "role", None), least):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return guarded

    return decorate
