"""The manual inside the product."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from jobs.distill.catalog import SYSTEMS, options_schema
from jobs.distill.catalog.system import GROUPS as catalog_groups
from workbench.studio.forms import option_inputs
from workbench.studio.methods import GROUP_TITLES, cost_words, needs_words

from . import manual, reference


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
    found = [
        (id, *GROUP_TITLES[id], [(s, needs_words(s)) for s in SYSTEMS.values() if s.group == id])
        for id in catalog_groups
    ]
    return render(
        request, "help/methods.html", {"method_groups": [g for g in found if g[3]], "groups": manual.groups()}
    )


@require_GET
def parts(request: HttpRequest) -> HttpResponse:
    """The kinds of parts that methods are made of."""
    return render(request, "help/parts.html", {"kinds": reference.kinds().values(), "groups": manual.groups()})


@require_GET
def parts_of(request: HttpRequest, kind: str) -> HttpResponse:
    """Every part of a kind with formula, paper, when to use it and options."""
    found = reference.kinds().get(kind)
    if found is None:
        raise Http404
    return render(request, "help/parts_of.html", {"kind": found, "groups": manual.groups()})


@require_GET
def fields(request: HttpRequest) -> HttpResponse:
    """Every field of a recipe with its meaning: the text beside the fields of the studio."""
    return render(request, "help/fields.html", {"sections": reference.fields(), "groups": manual.groups()})


@require_GET
def method(request: HttpRequest, method_id: str) -> HttpResponse:
    system = SYSTEMS.get(method_id)
    if system is None:
        raise Http404
    context = {
        "system": system,
        "needs": needs_words(system),
        "cost": cost_words(system),
        "formula": manual.mathml(system.formula),
        "terms": manual.terms_of(system),
        "options": option_inputs(options_schema(system), {}),
        "groups": manual.groups(),
    }
    return render(request, "help/method.html", context)
