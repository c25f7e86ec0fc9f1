"""The start page, and what a load balancer asks."""

from __future__ import annotations

import sys
import uuid
from datetime import UTC, datetime, timedelta

from django.contrib import messages
from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.views.decorators.http import require_GET, require_POST

from jobs.distill.errors import DistillError
from workbench.studio import actions as studio
from workbench.team.models import Role
from workbench.team.permissions import allows, needs
from workbench.team.request import TeamRequest

from . import queries

SEEN, SINCE = "home_seen", "home_since"
SITTING = timedelta(minutes=15)


@require_GET
def index(request: TeamRequest) -> HttpResponse:
    if not request.team:
        return render(request, "home/no_team.html", status=403)
    if request.headers.get("HX-Request"):
        # The live part asks for itself; it does not count as a look.
        return render(request, "home/_partials/now.html", _context(request, _moment(request, SINCE)))
    return render(request, "home/index.html", _context(request, _look(request)))


@require_POST
@needs(Role.MEMBER)
def run_sample(request: TeamRequest) -> HttpResponse:
    """The one-click run: sample teacher, student and data with the recommended recipe."""
    try:
        key = uuid.UUID(request.POST.get("idem_key", ""))
    except ValueError:
        key = uuid.uuid4()
    try:
        run = studio.submit_sample(request.team, request.user, key)
    except DistillError as e:
        messages.error(request, f"{e.message} {e.hint or ''}".strip())
        return redirect("home:index")
    return redirect("runs:detail", run.id)


def healthz(request: HttpRequest) -> JsonResponse:
    try:
        with connection.cursor() as cursor:
            cursor.execute("select 1")
    except DatabaseError:
        return JsonResponse({"ok": False, "database": False}, status=503)
    return JsonResponse({"ok": True, "database": True})


def broken(request: HttpRequest) -> HttpResponse:
    """500, or 503 where the database does not answer. Drawn without the request: reading the session may fail too."""
    error = sys.exc_info()[1]
    name, status = (
        ("errors/503.html", 503) if isinstance(error, OperationalError | InterfaceError) else ("500.html", 500)
    )
    return HttpResponse(render_to_string(name), status=status, headers={"Retry-After": "5"} if status == 503 else {})


def _look(request: TeamRequest) -> datetime | None:
    """When the person was here before this sitting. Looks within SITTING belong together, so that a reload hides no news."""
    last, now = _moment(request, SEEN), datetime.now(UTC)
    if last and now - last > SITTING:
        request.session[SINCE] = last.isoformat()
    request.session[SEEN] = now.isoformat()
    return _moment(request, SINCE)


def _moment(request: TeamRequest, name: str) -> datetime | None:
    try:
        return datetime.fromisoformat(request.session.get(name, ""))
    except ValueError:
        return None


def _context(request: TeamRequest, since: datetime | None) -> dict[str, object]:
    return {
        "view": queries.overview(request.team, since),
        "sample_ready": studio.sample_is_ready(request.team),
        "idem_key": uuid.uuid4(),
        "can_write": allows(request.role, Role.MEMBER),
        "since": since,
    }
