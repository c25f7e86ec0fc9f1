"""Everything needs sign-in; every signed-in request has a team."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, JsonResponse

from .models import Membership

OPEN = ("/account/", "/static/", "/healthz", "/api/")


class TeamMiddleware:
    """Default deny. Sets `request.team` and `request.role`; the API authenticates by itself (token or session)."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.team, request.role = None, None  # type: ignore[attr-defined]
        if request.user.is_authenticated:
            membership = Membership.objects.select_related("team").filter(user=request.user).order_by("id").first()
            if membership:
                request.team, request.role = membership.team, membership.role  # type: ignore[attr-defined]
        elif not request.path.startswith(OPEN):
            if request.headers.get("HX-Request"):
                return JsonResponse(
                    {"code": "SIGN_IN", "message": "Please sign in again."},
                    status=401,
                    headers={"HX-Redirect": "/account/login/"},
                )
            return redirect_to_login(request.get_full_path())
        return self.get_response(request)
