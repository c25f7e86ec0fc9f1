from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render


def index(request: HttpRequest) -> HttpResponse:
    return render(request, "home/index.html")


def healthz(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"ok": True})
