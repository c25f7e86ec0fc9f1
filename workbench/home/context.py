"""What every page's shell needs."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

ROOMS = (
    ("Home", "home:index", "home"),
    ("New run", "studio:new", "flask"),
    ("Runs", "runs:list", "list-details"),
    ("Queue", "runs:queue", "stack-2"),
    ("Adapters", "adapters:list", "puzzle"),
    ("Datasets", "datasets:list", "database"),
    ("Review", "review:list", "checklist"),
    ("Models", "library:list", "cube"),
    ("Help", "help:index", "book"),
)


def shell(request: HttpRequest) -> dict[str, Any]:
    team = getattr(request, "team", None)
    user = getattr(request, "user", None)
    theme = (
        getattr(user, "theme", "auto")
        if user is not None and user.is_authenticated
        else request.COOKIES.get("theme", "auto")
    )
    return {
        "team": team,
        "role": getattr(request, "role", None),
        "theme": theme if theme in ("light", "dark") else "auto",
        "rooms": _rooms(request.path) if team else [],
    }


def _rooms(path: str) -> list[dict[str, Any]]:
    """The main menu; the room whose address is the longest prefix of `path` is current."""
    rooms = [{"title": title, "url": url, "icon": icon} for title, name, icon in ROOMS if (url := _url(name))]
    fitting = [r["url"] for r in rooms if path == r["url"] or (r["url"] != "/" and path.startswith(r["url"]))]
    here = max(fitting, key=len, default=None)
    return [{**r, "current": r["url"] == here} for r in rooms]


def _url(name: str) -> str | None:
    try:
        return reverse(name)
    except NoReverseMatch:
        return None
