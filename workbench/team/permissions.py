"""Who may do what: viewers read, members submit and stop, operators look after workers, administrators manage people."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse

from .models import Role

RANK = {Role.VIEWER: 0, Role.MEMBER: 1, Role.OPERATOR: 2, Role.ADMIN: 3}


def allows(role: str | None, needed: str) -> bool:
    """Whether somebody with `role` may do what `needed` may."""
    return role in RANK and RANK[Role(role)] >= RANK[Role(needed)]


def needs(role: str) -> Callable[[Callable[..., HttpResponse]], Callable[..., HttpResponse]]:
    """Decorator for a view: PermissionDenied (403) below `role`."""

    def decorate(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        @wraps(view)
        def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            mine = getattr(request, "role", None)
            if not allows(mine, role):
                raise PermissionDenied(
                    f"This needs the role {Role(role).label.lower()} or higher; yours is {Role(mine).label.lower() if mine else 'none'}."
                )
            return view(request, *args, **kwargs)

        return wrapper

    return decorate
