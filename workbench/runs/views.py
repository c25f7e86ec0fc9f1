"""Pages about runs. Each view reads or does one thing; a page is a shell plus parts that can also be fetched alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, JsonResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.text import slugify
from django.views.decorators.http import require_GET, require_POST

from jobs.distill.errors import DistillError
from workbench.adapters import zipped
from workbench.endpoints import queries as ledger
from workbench.review import gates
from workbench.team.models import Role
from workbench.team.permissions import allows, needs
from workbench.team.request import TeamRequest

from . import actions, board, charts, cloning, comparing, making, pages, run_folder, timeline, waiting, words
from . import report as reports
from . import stream as streams
from .models import Kind, Run, State

# part -> (template, what it reads). The page includes all of them; the live stream names those that changed.
PARTS: dict[str, Callable[[Run], dict[str, Any]]] = {
    "header": lambda run: _header(run),
    "actions": lambda run: {"next_url": timeline.result_url(run)},
    "report": lambda run: {"report": reports.build(run.report) if run.state == State.SUCCEEDED else None},
    "curves": lambda run: {"charts": charts.charts(charts.curves(run))},
    "numbers": lambda run: _numbers(run),
    "samples": lambda run: {"samples": pages.samples(run)},
    "alarms": lambda run: {"alarms": pages.events(run, "alarm", limit=50)},
    "timeline": lambda run: {"timeline": timeline.timeline(run)},
    "log": lambda run: {"log": pages.events(run, "log", limit=200)},
    "choices": lambda run: {"choices": pages.choices(run)},
    "rows": lambda run: {"made_rows": making.stages(run)},
    "rounds": lambda run: {"rounds": making.panel(run)},
    "gate": lambda run: {"gate": gates.waiting(run)},
    "calls": lambda run: {"calls": ledger.panel(run), "spent": ledger.spent_out(run)},
}


def _header(run: Run) -> dict[str, Any]:
    return {
        "reason": waiting.reason(run),
        "left": board.seconds_left(run),
        "rate": board.rate(run),
        "seconds": pages.run_seconds(run),
        "method": pages.method_title(run.spec),
        "stages": board.stages(run),
        "slot_name": waiting.slot_label(run.slot) if run.slot else "",
    }


def _numbers(run: Run) -> dict[str, Any]:
    found = charts.curves(run)
    return {"curve_table": charts.table(found), "curve_sentence": charts.sentence(found)}


@require_GET
def run_list(request: TeamRequest) -> HttpResponse:
    try:
        wanted = pages.filters(request.GET)
    except DistillError as e:
        return refused(request, e)
    page = pages.run_list(request.team, wanted, request.user.pk)
    context = {
        "page": page,
        "filters": wanted,
        "live": pages.is_anything_live(page),
        "sorts": {k: v[0] for k, v in pages.SORTS.items()},
        "states": {k: v[0] for k, v in pages.STATES.items()},
        "counts": pages.state_counts(request.team, wanted.kind),
        "kinds": Kind.choices,
        "address": request.get_full_path(),
        "query": _without_page(request),
        "base_query": _without(request, "state"),
    }
    return render(request, "runs/_partials/table.html" if request.htmx else "runs/list.html", context)


@require_GET
def queue(request: TeamRequest) -> HttpResponse:
    context = {"queue": waiting.queue(request.team), "usage": waiting.team_usage(request.team)}
    return render(request, "runs/_partials/queue.html" if request.htmx else "runs/queue.html", context)


@require_GET
def detail(request: TeamRequest, run_id: UUID) -> HttpResponse:
    run = pages.run_or_404(request.team, run_id)
    newest = pages.newest_event(run)  # before the parts are read: an event in between is sent again, never lost
    context: dict[str, Any] = {
        "run": run,
        "newest": newest,
        "may": _may(request, run),
        "recipe_yaml": run_folder.recipe_text(run),
    }
    for read in PARTS.values():
        context |= read(run)
    return render(request, "runs/detail.html", context)


@require_GET
def report(request: TeamRequest, run_id: UUID) -> HttpResponse:
    run = pages.run_or_404(request.team, run_id)
    built = reports.build(run.report)
    if run.state != State.SUCCEEDED or built is None:
        raise Http404("This run has no report.")
    return render(
        request,
        "runs/report.html",
        {"run": run, "report": built, "method": pages.method_title(run.spec), "row": pages.row(run)},
    )


@require_GET
def part(request: TeamRequest, run_id: UUID, name: str) -> HttpResponse:
    run = pages.run_or_404(request.team, run_id)
    if name not in PARTS:
        raise Http404("There is no such part of the page.")
    return render(request, f"runs/_partials/{name}.html", {"run": run, "may": _may(request, run), **PARTS[name](run)})


@require_GET
async def stream(request: TeamRequest, run_id: UUID) -> StreamingHttpResponse:
    run = await sync_to_async(pages.run_or_404)(request.team, run_id)
    after = streams.last_seen(request.headers.get("Last-Event-ID"), request.GET.get("after"))
    response = StreamingHttpResponse(streams.events(run.id, after), content_type="text/event-stream")
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"
    return response


@require_GET
def curves(request: TeamRequest, run_id: UUID) -> JsonResponse:
    """Curves for the charts; `?name=` picks one chart, whose curves are the arms."""
    run = pages.run_or_404(request.team, run_id)
    found = [c for c in charts.curves(run) if request.GET.get("name") in (None, "", c.name)]
    return JsonResponse(charts.figure(found) | {"names": [c.name for c in found]})


@require_GET
def log(request: TeamRequest, run_id: UUID) -> HttpResponse:
    run = pages.run_or_404(request.team, run_id)
    lines = (
        f"{e.at:%Y-%m-%d %H:%M:%S} {e.data.get('level', e.type):7} {words.one_line(e.data.get('message', ''))}\n"
        for e in pages.events(run, "log", "alarm", "error", limit=20_000)
    )
    return zipped.text_attachment("".join(lines), f"run-{run.number}.log")


@require_GET
def recipe(request: TeamRequest, run_id: UUID) -> HttpResponse:
    run = pages.run_or_404(request.team, run_id)
    return zipped.text_attachment(
        run_folder.recipe_text(run), f"{slugify(run.title) or 'recipe'}.yaml", "application/yaml"
    )


@require_GET
def folder(request: TeamRequest, run_id: UUID) -> StreamingHttpResponse:
    """The run folder's inputs, to run the same thing by hand on any machine."""
    run = pages.run_or_404(request.team, run_id)
    if run.kind != Kind.DISTILL:
        raise Http404("Only distillations can be run by hand.")
    return zipped.attachment(zipped.stream(run_folder.entries(run)), f"run-{run.number}.zip")


def _act(request: TeamRequest, run_id: UUID, act: Callable[..., Any], said: str) -> HttpResponse:
    """Does one thing to a run and says so; a refusal is a sentence on the same page, a repeated click changes nothing."""
    run = pages.run_or_404(request.team, run_id)
    try:
        act(run)
        messages.success(request, said)
    except DistillError as e:
        messages.warning(request, " ".join(x for x in (e.message, e.hint) if x))
    return redirect("runs:detail", run_id=run.id)


@require_GET
def rejected(request: TeamRequest, run_id: UUID, name: str) -> HttpResponse:
    """Rows that a stage left out, each with the reason; `?code=` picks one reason."""
    run = pages.run_or_404(request.team, run_id)
    code, page = request.GET.get("code", ""), pages.page_number(request.GET.get("page"))
    found = making.rejected(run, name, code, page, pages.PAGE_SIZE)
    context = {"run": run, "name": name, "found": found, "page": found.page, "code": code}
    return render(request, "runs/rejected.html", context | {"query": _without_page(request)})


@require_GET
def output(request: TeamRequest, run_id: UUID, name: str) -> StreamingHttpResponse:
    """The rows a stage made, or left out, as the engine wrote them."""
    return making.download(pages.run_or_404(request.team, run_id), name)


@require_POST
@needs(Role.MEMBER)
def end_rounds(request: TeamRequest, run_id: UUID) -> HttpResponse:
    return _act(request, run_id, actions.end_rounds, "No further round begins; the run goes on to its report.")


@require_POST
@needs(Role.MEMBER)
def cancel(request: TeamRequest, run_id: UUID) -> HttpResponse:
    return _act(request, run_id, actions.cancel, "The run is being cancelled.")


@require_POST
@needs(Role.MEMBER)
def pause(request: TeamRequest, run_id: UUID) -> HttpResponse:
    return _act(request, run_id, actions.pause, "The run pauses after its next checkpoint.")


@require_POST
@needs(Role.MEMBER)
def resume(request: TeamRequest, run_id: UUID) -> HttpResponse:
    return _act(
        request, run_id, actions.resume, "The run waits for a free slot and continues from its last checkpoint."
    )


@require_POST
@needs(Role.MEMBER)
def retry(request: TeamRequest, run_id: UUID) -> HttpResponse:
    """A quarantined run crashed its worker three times: an operator decides."""
    if pages.run_or_404(request.team, run_id).state == State.QUARANTINED and not allows(request.role, Role.OPERATOR):
        raise PermissionDenied("A quarantined run can be tried again by an operator of your team.")
    return _act(request, run_id, actions.retry, "The run is tried again.")


@require_POST
@needs(Role.MEMBER)
def clone(request: TeamRequest, run_id: UUID) -> HttpResponse:
    """Clone and change: a new draft in the studio with this run's recipe."""
    run = pages.run_or_404(request.team, run_id)
    if run.kind != Kind.DISTILL:
        raise Http404("Only distillations can be cloned.")
    draft = cloning.to_draft(run, request.user)
    return redirect("studio:draft", draft.id)


@require_GET
def compare(request: TeamRequest) -> HttpResponse:
    try:
        chosen = comparing.chosen(request.team, request.GET.getlist("run"))
    except DistillError as e:
        return refused(request, e)
    return render(
        request,
        "runs/compare.html",
        {"comparison": comparing.build(chosen), "candidates": comparing.candidates(request.team, chosen)},
    )


@require_GET
def compare_curves(request: TeamRequest) -> JsonResponse:
    try:
        chosen = comparing.chosen(request.team, request.GET.getlist("run"))
    except DistillError as e:
        return JsonResponse(e.as_dict(), status=422)
    return JsonResponse(comparing.loss_figure(chosen))


def refused(request: TeamRequest, error: DistillError, status: int = 422) -> HttpResponse:
    """A sentence instead of a page, with the way back."""
    return render(request, "runs/refused.html", {"error": error, "back": reverse("runs:list")}, status=status)


def _may(request: TeamRequest, run: Run) -> dict[str, bool]:
    """Which buttons make sense for this person and this state."""
    member = allows(request.role, Role.MEMBER)
    operator = allows(request.role, Role.OPERATOR)
    return {
        "cancel": member and not run.is_ended and run.state != State.CANCELLING and run.desired != "cancel",
        "pause": member
        and run.kind == Kind.DISTILL
        and run.state in (State.QUEUED, State.RETRY_WAIT, State.RUNNING)
        and run.desired == "run",
        "resume": member and run.state == State.PAUSED,
        "retry": (member and run.state == State.FAILED) or (operator and run.state == State.QUARANTINED),
        "clone": member and run.kind == Kind.DISTILL,
    }


def _without_page(request: TeamRequest) -> str:
    return _without(request, "page")


def _without(request: TeamRequest, *names: str) -> str:
    """The address's query without some fields, ending in & where not empty."""
    query = request.GET.copy()
    for name in (*names, "page"):
        query.pop(name, None)
    return f"{query.urlencode()}&" if query else ""
