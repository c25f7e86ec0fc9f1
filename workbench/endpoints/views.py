"""Teacher endpoints: the list, one of them, its form, its test; and the calls a run made."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from jobs.distill.asking.request import OUTCOMES
from jobs.distill.errors import DistillError
from workbench.adapters.zipped import attachment
from workbench.runs import pages
from workbench.runs.models import ENDED
from workbench.team.models import Role
from workbench.team.permissions import allows, needs
from workbench.team.request import TeamRequest

from . import actions, queries, words
from .forms import CapForm, EndpointForm, as_lines
from .models import Endpoint
from .presets import BY_ID, PRESETS


@require_GET
def listing(request: TeamRequest) -> HttpResponse:
    spent, none = queries.spent_by_endpoint(request.team), queries.Spent()
    rows = [
        {
            "row": row,
            "answers": queries.kinds_of_answers(row),
            "price": words.price(row),
            "month": words.month(row, spent.get(row.pk, none)),
        }
        for row in queries.endpoints(request.team)
    ]
    context = {"rows": rows, "presets": PRESETS, "may_change": allows(request.role, Role.ADMIN)}
    return render(request, "endpoints/list.html", context)


@require_GET
def detail(request: TeamRequest, endpoint_id: UUID) -> HttpResponse:
    row = queries.endpoint_or_404(request.team, endpoint_id)
    test = queries.last_test(row)
    currency = row.spec["currency"]
    context = {
        "row": row,
        "facts": words.facts(row),
        "found": words.findings(row),
        "notes": (row.tested or {}).get("notes") or [],
        "test": test,
        "testing": test is not None and test.state not in ENDED,
        "month": words.month(row, queries.spent_this_month(row)),
        "months": [(m, s, queries.money(s.price, currency)) for m, s in queries.by_month(row)],
        "may_change": allows(request.role, Role.ADMIN),
        "may_test": allows(request.role, Role.MEMBER),
    }
    return render(request, "endpoints/detail.html", context)


@require_http_methods(["GET", "POST"])
@needs(Role.ADMIN)
def add(request: TeamRequest) -> HttpResponse:
    preset = BY_ID.get(request.GET.get("preset", ""))
    if request.method == "GET":
        return _form(request, EndpointForm(initial=preset.fills if preset else None), preset=preset)
    form = EndpointForm(request.POST)
    if form.is_valid():
        try:
            row = actions.add(
                request.team, request.user, form.cleaned_data["name"], form.spec(), form.more(), form.cleaned_data["secret"]
            )  # fmt: skip
        except DistillError as e:
            _blame(form, e)
        else:
            actions.test(row, request.user)
            messages.success(request, f"{row.name} is added and being tested. Recipes call it {row.key}.")
            return redirect("endpoints:detail", row.id)
    return _form(request, form, preset=preset)


@require_http_methods(["GET", "POST"])
@needs(Role.ADMIN)
def change(request: TeamRequest, endpoint_id: UUID) -> HttpResponse:
    row = queries.endpoint_or_404(request.team, endpoint_id)
    if request.method == "GET":
        kept = {n: getattr(row, n) for n in ("name", "monthly_price", "monthly_tokens", "outputs", "licence")}
        lines = as_lines(row.spec.get("extra") or {})
        return _form(request, EndpointForm(initial=row.spec | kept | {"extra": lines}), row=row)
    form = EndpointForm({**request.POST.dict(), "name": row.name})
    if form.is_valid():
        try:
            actions.change(row, form.spec(), form.more(), form.cleaned_data["secret"])
        except DistillError as e:
            _blame(form, e)
        else:
            messages.success(request, f"{row.name} is saved. Runs that wait use it as it is now.")
            return redirect("endpoints:detail", row.id)
    return _form(request, form, row=row)


def _form(request: TeamRequest, form: EndpointForm, *, preset: Any = None, row: Endpoint | None = None) -> HttpResponse:
    context = {"form": form, "preset": preset, "presets": PRESETS, "row": row}
    return render(request, "endpoints/form.html", context, status=422 if form.is_bound else 200)


def _blame(form: EndpointForm | CapForm, error: DistillError) -> None:
    """The sentence at the field it is about."""
    field = error.field if error.field in form.fields else None
    form.add_error(field, " ".join(x for x in (error.message, error.hint) if x))


@require_POST
@needs(Role.MEMBER)
def test(request: TeamRequest, endpoint_id: UUID) -> HttpResponse:
    row = queries.endpoint_or_404(request.team, endpoint_id)
    actions.test(row, request.user)
    messages.success(request, "The test asks two short questions; what it finds appears here.")
    return redirect("endpoints:detail", row.id)


@require_POST
@needs(Role.ADMIN)
def remove_key(request: TeamRequest, endpoint_id: UUID) -> HttpResponse:
    row = queries.endpoint_or_404(request.team, endpoint_id)
    actions.remove_key(row)
    messages.success(request, f"The key of {row.name} was removed.")
    return redirect("endpoints:detail", row.id)


@require_POST
@needs(Role.ADMIN)
def remove(request: TeamRequest, endpoint_id: UUID) -> HttpResponse:
    row = queries.endpoint_or_404(request.team, endpoint_id)
    actions.remove(row)
    messages.success(request, f"{row.name} and its key were removed. What it answered stays with the runs.")
    return redirect("endpoints:list")


# -- the calls of a run


@require_GET
def calls(request: TeamRequest, run_id: UUID) -> HttpResponse:
    run = pages.run_or_404(request.team, run_id)
    outcome = request.GET.get("outcome", "")
    outcome = outcome if outcome in (*OUTCOMES, "kept-out") else ""
    q = request.GET.get("q", "").replace("\x00", "")[:100].strip()
    found = queries.calls_of(run, outcome, q).select_related("endpoint")
    page: Any = Paginator(found, queries.PAGE_SIZE).get_page(pages.page_number(request.GET.get("page")))
    page.object_list = [words.shown(c) for c in page.object_list]
    query = request.GET.copy()
    query.pop("page", None)
    context = {
        "run": run,
        "page": page,
        "panel": queries.panel(run),
        "outcome": outcome,
        "q": q,
        "outcomes": [("", "All"), *((k, v.capitalize()) for k, v in OUTCOMES.items()), ("kept-out", "All kept out")],
        "query": f"{query.urlencode()}&" if query else "",
    }
    return render(request, "endpoints/calls.html", context)


@require_GET
def download(request: TeamRequest, run_id: UUID) -> StreamingHttpResponse:
    run = pages.run_or_404(request.team, run_id)
    lines = queries.as_lines(queries.calls_of(run))
    return attachment(lines, f"run-{run.number}-teacher-calls.jsonl", "application/x-ndjson")


@require_POST
@needs(Role.MEMBER)
def raise_cap(request: TeamRequest, run_id: UUID) -> HttpResponse:
    """A higher cap for a run whose budget is spent; it goes on by itself where it stands."""
    run = pages.run_or_404(request.team, run_id)
    form = CapForm(request.POST)
    if not form.is_valid():
        messages.warning(request, " ".join(str(e) for errors in form.errors.values() for e in errors))
        return redirect("runs:detail", run.id)
    given = form.cleaned_data
    try:
        actions.raise_and_go_on(run, request.user, given["endpoint"], given["max_price"], given["max_tokens"])
        messages.success(request, "The cap is raised. The run goes on where it stood; nothing is asked twice.")
    except DistillError as e:
        messages.warning(request, " ".join(x for x in (e.message, e.hint) if x))
    return redirect("runs:detail", run.id)


@require_POST
@needs(Role.MEMBER)
def use(request: TeamRequest, run_id: UUID) -> HttpResponse:
    """The good answers so far go to the import page, where their columns are confirmed like those of any file."""
    run = pages.run_or_404(request.team, run_id)
    try:
        upload = actions.as_upload(run, request.user)
    except DistillError as e:
        messages.warning(request, " ".join(x for x in (e.message, e.hint) if x))
        return redirect("runs:detail", run.id)
    return redirect("datasets:confirm", upload.pk)
