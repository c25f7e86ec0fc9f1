"""The ways data come in, one page: a file, pasted rows, an address, the hub, or what is here already."""

from __future__ import annotations

import tempfile
import uuid
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from jobs.distill.errors import DistillError
from workbench.library.models import HubToken
from workbench.runs import actions as runs
from workbench.runs.models import Kind, Run, State
from workbench.team.models import Role
from workbench.team.permissions import allows, needs
from workbench.team.request import TeamRequest

from . import actions, parts, sources, uploads
from .incoming_forms import (
    PASTED,
    AddressForm,
    HereForm,
    HubDatasetForm,
    Once,
    OutputsForm,
    PasteForm,
    pasted_name,
    refuse,
)  # fmt: skip
from .models import Dataset, DatasetVersion, PartialUpload, Upload

WAYS = {
    "file": ("File", "file"), "paste": ("Paste", "edit"), "address": ("Address", "network"), "hub": ("Hub", "cube"),
    "here": ("From here", "database"),
}  # fmt: skip
MOST_FILES = 20
FORMS: dict[str, type[Once]] = {"paste": PasteForm, "address": AddressForm, "hub": HubDatasetForm}


@csrf_exempt  # the quota must stand before anything reads the body; _bring checks the token then
@require_http_methods(["GET", "POST"])
@needs(Role.MEMBER)
def bring(request: TeamRequest) -> HttpResponse:
    """The page of a way (?from=file), and what it sends. ?dataset= makes it the next version of a dataset."""
    quota = uploads.install(request)
    try:
        return _bring(request, quota)
    except RequestDataTooBig:
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE / 1024**2
        message = f"The pasted text is larger than {limit:,.1f} MiB, the most that is taken at once."
        return _page(request, "paste", problems=[("", message, "Save it as a file and upload that.")], status=413)


@csrf_protect
def _bring(request: TeamRequest, quota: uploads.Quota) -> HttpResponse:
    way = request.GET.get("from", "file")
    way = way if way in WAYS else "file"
    if request.method == "GET":
        return _page(request, way)
    files = request.FILES.getlist("file")  # reads the body, and only then is known whether it is too large
    if quota.exceeded:
        error = parts.too_large()
        return _page(request, "file", problems=[("", error.message, error.hint or "")], status=413)
    if way in ("address", "hub"):
        return _fetch(request, way)
    return _files(request, files) if files or way == "file" and "text" not in request.POST else _paste(request)


def _files(request: TeamRequest, files: list[UploadedFile]) -> HttpResponse:
    """One file leads to its columns; several become a list of what each of them is, the refused ones with their reason."""
    into, key = _into(request), _key(request)
    if not files:
        return _page(
            request, "file", problems=[("", "No file was chosen.", "Choose one, or drop it on the box.")], status=422
        )
    if len(files) > MOST_FILES:
        problem = f"{len(files)} files came; at most {MOST_FILES} are taken at once."
        return _page(
            request, "file", problems=[("", problem, "Send them in smaller groups, or as one zip.")], status=422
        )
    taken: list[Upload] = []
    problems: list[tuple[str, str, str]] = []
    status = 422
    for n, file in enumerate(files):
        try:
            taken.append(_take(request, file, into, uuid.uuid5(key, str(n)) if key else None))
        except DistillError as e:
            problems.append((actions.shown_name(file.name or ""), e.message, e.hint or ""))
            status = 413 if e.code == "TOO_LARGE" and len(files) == 1 else 422
    if not taken:
        return _page(request, "file", problems=problems, status=status)
    if len(files) == 1:
        return redirect("datasets:confirm", taken[0].pk)
    for name, message, hint in problems:
        messages.error(request, f"{name}: {message} {hint}")
    waiting = "file waits" if len(taken) == 1 else "files wait"
    messages.success(
        request, f"{len(taken)} {waiting} for you: each becomes a dataset of its own once you say which column is what."
    )
    return redirect("datasets:list")


def _take(request: TeamRequest, file: UploadedFile, into: Dataset | None, key: UUID | None) -> Upload:
    """Writes what came to a temporary file of its own and looks at it there; the file goes whatever happens."""
    with tempfile.NamedTemporaryFile(prefix="upload-") as place:
        for chunk in file.chunks():
            place.write(chunk)
        place.flush()
        origin = {"kind": "file"}
        return actions.take_upload(
            request.team, request.user, Path(place.name), file.name or "upload", into, origin=origin, idem_key=key
        )


def _paste(request: TeamRequest) -> HttpResponse:
    form = PasteForm(request.POST)
    if not form.is_valid():
        return _page(request, "paste", form, status=422)
    text = form.cleaned_data["text"]
    with tempfile.NamedTemporaryFile(prefix="upload-") as place:
        place.write(text.encode("utf-8", "surrogatepass"))
        place.flush()
        try:
            taken = actions.take_upload(
                request.team, request.user, Path(place.name), pasted_name(text), _into(request),
                origin={"kind": "paste"}, idem_key=form.cleaned_data["idem_key"],
            )  # fmt: skip
        except DistillError as e:
            return _page(request, "paste", form, problems=[("", e.message, e.hint or "")], status=422)
    return redirect("datasets:confirm", taken.pk)


def _fetch(request: TeamRequest, way: str) -> HttpResponse:
    """Starts the download and shows how far it is."""
    form = FORMS[way](request.POST)
    if not form.is_valid():
        return _page(request, way, form, status=422)
    wanted, into = form.cleaned_data, _into(request)
    try:
        if way == "address":
            run = sources.fetch_address(request.team, request.user, wanted["url"], into, wanted["idem_key"])
        else:
            run = sources.fetch_from_hub(request.team, request.user, wanted, into, wanted["idem_key"])
    except DistillError as e:
        refuse(form, e)
        return _page(request, way, form, status=422)
    return redirect("datasets:fetching", run.pk)


@require_POST
@needs(Role.MEMBER)
def start_here(request: TeamRequest) -> HttpResponse:
    """A version of any dataset the team sees, as the start of a new dataset or of the next version."""
    form = HereForm(request.POST)
    if not form.is_valid():
        return _page(request, "here", status=422, problems=[("", "Choose a version from the list.", "")])
    wanted, into = form.cleaned_data, _into(request)
    version = sources.versions(request.team).filter(pk=wanted["version"]).first()
    if version is None:
        raise Http404
    if wanted["what"] == "file":
        try:
            upload = sources.original_file(request.team, request.user, version, into, wanted["idem_key"])
        except DistillError as e:
            return _page(request, "here", problems=[("", e.message, e.hint or "")], status=422)
        return redirect("datasets:confirm", upload.pk)
    title = wanted["title"] or f"{version.dataset.title} (copy)"[:200]
    made = sources.copy_version(request.team, version, title, into, wanted["idem_key"])
    messages.success(request, f"Version {made.number} of {made.dataset.title} begins with these rows.")
    return redirect("datasets:version", made.dataset_id, made.number)


@require_POST
@needs(Role.MEMBER)
def from_run(request: TeamRequest) -> HttpResponse:
    """What a model of a run said becomes rows to look at."""
    form = OutputsForm(request.POST)
    if not form.is_valid():
        return _page(request, "here", status=422, problems=[("", "Choose an output from the list.", "")])
    wanted = form.cleaned_data
    run = Run.objects.filter(pk=wanted["run"], team=request.team).first()
    if run is None:
        raise Http404
    try:
        upload = sources.from_run(request.team, request.user, run, wanted["who"], _into(request), wanted["idem_key"])
    except DistillError as e:
        return _page(request, "here", problems=[("", e.message, e.hint or "")], status=422)
    return redirect("datasets:confirm", upload.pk)


@require_GET
def fetching(request: TeamRequest, run_id: UUID) -> HttpResponse:
    """How far a download is; leads to the columns once the file is here."""
    run = _fetch_run(request, run_id)
    if run.state == State.SUCCEEDED:
        upload = sources.fetched(run)
        target = reverse("datasets:confirm", args=[upload.pk]) if upload else reverse("datasets:list")
        return HttpResponse(status=204, headers={"HX-Redirect": target}) if request.htmx else redirect(target)
    context = {"run": run, "again": _again(run), "can_write": allows(request.role, Role.MEMBER)}
    return render(
        request, "datasets/_partials/fetch_progress.html" if request.htmx else "datasets/fetching.html", context
    )


@require_POST
@needs(Role.MEMBER)
def stop_fetching(request: TeamRequest, run_id: UUID) -> HttpResponse:
    runs.cancel(_fetch_run(request, run_id))
    messages.success(request, "The download is stopped.")
    return redirect("datasets:list")


@require_POST
@needs(Role.MEMBER)
def fetch_again(request: TeamRequest, run_id: UUID) -> HttpResponse:
    """A download that failed goes on where it broke."""
    runs.retry(_fetch_run(request, run_id))
    return redirect("datasets:fetching", run_id)


@require_POST
@needs(Role.MEMBER)
def discard_parts(request: TeamRequest, upload_id: UUID) -> HttpResponse:
    try:
        parts.discard(parts.of(request.team, request.user, upload_id))
    except PartialUpload.DoesNotExist:
        raise Http404 from None
    messages.success(request, "The unfinished upload was discarded.")
    return redirect("datasets:list")


def _fetch_run(request: TeamRequest, run_id: UUID) -> Run:
    run = Run.objects.filter(pk=run_id, team=request.team, kind=Kind.FETCH_DATASET).first()
    if run is None:
        raise Http404
    return run


def _again(run: Run) -> str:
    """The form of this download, to change what was asked for."""
    way = "hub" if run.spec.get("source") == "hub" else "address"
    into = f"&dataset={run.spec['into']}" if run.spec.get("into") else ""
    return f"{reverse('datasets:upload')}?from={way}&again={run.pk}{into}"


def _page(
    request: TeamRequest,
    way: str,
    form: Any = None,
    *,
    problems: list[tuple[str, str, str]] | None = None,
    status: int = 200,
) -> HttpResponse:
    """The page of a way with its form; `problems`: (file, what happened, remedy)."""
    into = _into(request)
    context: dict[str, Any] = {
        "way": way, "ways": WAYS, "form": form or _blank(request, way), "into": into, "problems": problems or [],
        "limit": settings.MAX_UPLOAD_BYTES, "pasted_limit": PASTED, "most_files": MOST_FILES,
        "query": f"&dataset={into.pk}" if into else "",
    }  # fmt: skip
    if way == "file":
        context["unfinished"] = parts.unfinished(request.team, request.user)
    elif way == "hub":
        context["has_token"] = HubToken.objects.filter(team=request.team).exists()
    elif way == "here":
        context |= {"versions": _grouped(request), "outputs": sources.outputs(request.team)}
    return render(request, "datasets/upload.html", context, status=status)


def _blank(request: TeamRequest, way: str) -> Any:
    """An empty form, or one filled with what a failed download asked for."""
    kind = FORMS.get(way, Once)
    asked = _uuid(request.GET.get("again", ""))
    run = Run.objects.filter(pk=asked, team=request.team, kind=Kind.FETCH_DATASET).first() if asked else None
    return kind(initial={n: run.spec.get(n) for n in kind.base_fields if n != "idem_key"} if run else None)


def _grouped(request: TeamRequest) -> list[tuple[Dataset, list[DatasetVersion]]]:
    found: dict[UUID, tuple[Dataset, list[DatasetVersion]]] = {}
    for version in sources.versions(request.team)[:500]:
        found.setdefault(version.dataset_id, (version.dataset, []))[1].append(version)
    return list(found.values())


def _into(request: TeamRequest) -> Dataset | None:
    """The team's own dataset that gets a new version; 404 for others and for shared samples."""
    text = request.GET.get("dataset", "")
    asked = _uuid(text)
    if not asked:
        return None
    found = Dataset.objects.filter(pk=asked, team=request.team).first()
    if found is None:
        raise Http404
    return found


def _key(request: TeamRequest) -> UUID | None:
    return _uuid(request.POST.get("idem_key", ""))


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
