"""The manual inside the product."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from jobs.distill.catalog import SYSTEMS, options_schema
from workbench.studio.forms import option_inputs
from workbench.studio.methods import COST, needs_words

from . import manual


@require_GET
def index(request: HttpRequest) -> HttpResponse:
    query = request.GET.get("q", "").strip()[:200]
    context = {
        "groups": manual.groups(),
        "systems": SYSTEMS.values(),
        "query": query,
        "hits": manual.search(query) if query else None,
    }
    return render(request, "help/index.html", context)


@require_GET
def page(request: HttpRequest, slug: str) -> HttpResponse:
    found = manual.pages().get(slug)
    if found is None:
        raise Http404
    before, after = manual.neighbours(slug)
    return render(
        request, "help/page.html", {"page": found, "groups": manual.groups(), "before": before, "after": after}
    )


@require_GET
def methods(request: HttpRequest) -> HttpResponse:
    rows = [{"system": s, "needs": needs_words(s), "cost": COST[s.needs.teacher]} for s in SYSTEMS.values()]
    return render(request, "help/methods.html", {"rows": rows, "groups": manual.groups()})


@require_GET
def method(request: HttpRequest, method_id: str) -> HttpResponse:
    system = SYSTEMS.get(method_id)
    if system is None:
        raise Http404
    context = {
        "system": system,
        "needs": needs_words(system),
        "cost": COST[system.needs.teacher],
        "formula": manual.mathml(system.formula),
        "terms": manual.terms_of(system),
        "options": option_inputs(options_schema(system), {}),
        "groups": manual.groups(),
    }
    return render(request, "help/method.html", context)
