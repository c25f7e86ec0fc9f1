"""One row of a desk at a time, and setting a desk up."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from jobs.distill.errors import DataRefused, DistillError
from workbench.datasets.models import DatasetVersion
from workbench.datasets.queries import datasets
from workbench.team.models import Role
from workbench.team.permissions import allows, needs
from workbench.team.request import TeamRequest

from . import actions, forms, queries
from .content import of_row
from .models import THIRD, Item, Opinion, Review, State, Verdict

DIGITS = 9


@require_GET
def list_(request: TeamRequest) -> HttpResponse:
    return render(request, "review/list.html", {"reviews": queries.reviews(request.team)[:200]})


@require_http_methods(["GET", "POST"])
def new(request: TeamRequest, version_id: UUID) -> HttpResponse:
    """GET: the choices of a new desk. POST: sets it up."""
    found = DatasetVersion.objects.filter(pk=version_id, dataset__in=datasets(request.team)).select_related("dataset")
    version = found.first()
    if version is None:
        raise Http404
    form = forms.ReviewForm(request.POST or None, runs=queries.runs_to_order_by(request.team, version))
    return (_set_up if request.method == "POST" else _choices)(request, version, form)


@needs(Role.MEMBER)
def _set_up(request: TeamRequest, version: DatasetVersion, form: forms.ReviewForm) -> HttpResponse:
    if form.is_valid():
        chosen = form.cleaned_data
        try:
            review = actions.open_review(
                request.team, request.user, version, chosen["order"], run=chosen["run"], limit=chosen["limit"], seats=chosen["seats"]
            )  # fmt: skip
        except DistillError as e:
            form.add_error(e.field if e.field in form.fields else None, f"{e.message} {e.hint or ''}")
        else:
            return redirect("review:desk", review.pk)
    return _choices(request, version, form, status=422)


def _choices(request: TeamRequest, version: DatasetVersion, form: forms.ReviewForm, status: int = 200) -> HttpResponse:
    context = {"version": version, "form": form, "desks": queries.of_version(request.team, version)[:20]}
    return render(request, "review/new.html", context, status=status)


@require_GET
def desk(request: TeamRequest, review_id: UUID) -> HttpResponse:
    """The next row to decide; the table where nothing is left."""
    found = review_or_404(request, review_id)
    item = queries.next_of(found, request.user, 0)
    if item is None:
        return redirect("review:table", review_id)
    return redirect("review:row", review_id, item.rank)


@require_GET
def row(request: TeamRequest, review_id: UUID, rank: int) -> HttpResponse:
    return _page(request, item_or_404(request, review_id, rank))


@require_POST
@needs(Role.MEMBER)
def decide(request: TeamRequest, review_id: UUID, rank: int) -> HttpResponse:
    """One decision from the row's page; on to the next row, or the page again with what is wrong and everything typed."""
    item = item_or_404(request, review_id, rank)
    post, verdict = request.POST, request.POST.get("verdict", "")
    seen = int(post["seen"]) if post.get("seen", "").isdecimal() else None
    try:
        if verdict == Verdict.UNDO:
            actions.undo(item, request.user, seen=seen)
            messages.success(request, f"Row {item.place:,}: the last decision was taken back.")
            return redirect("review:row", review_id, rank)
        if verdict == Verdict.COMMENT:
            actions.say(item, request.user, post.get("comment", ""))
            return redirect("review:row", review_id, rank)
        verdict, new, reason = _meant(item, request, verdict)
        actions.decide(
            item, request.user, verdict, seen=seen, new=new, reason=reason, comment=post.get("comment", "")
        )  # fmt: skip
    except DistillError as e:
        return _page(request, item, problem=e)
    following = queries.next_of(item.review, request.user, rank)
    if following is None:
        messages.success(request, "Every row of this desk is decided.")
        return redirect("review:table", review_id)
    return redirect("review:row", review_id, following.rank)


def _meant(item: Item, request: TeamRequest, verdict: str) -> tuple[str, dict[str, Any] | None, str]:
    """(verdict, content, reason) of the button that was pressed; raises DataRefused where it was none of them."""
    post = request.POST
    reason = post.get("reason", "") or post.get("other-reason", "")
    if taken := next((d for d in queries.opinions_shown(item) if str(d.seat) == post.get("take", "")), None):
        if taken.verdict == Verdict.REJECT:
            return Verdict.REJECT, None, reason or taken.reason
        return Verdict.ACCEPT, dict(taken.new), reason
    if verdict in (Verdict.REJECT, Verdict.SKIP):
        return verdict, None, reason
    if verdict != Verdict.ACCEPT and post.get("label") is None:
        raise DataRefused("Nothing was decided.", hint="Press Accept, Reject or Skip: the keys stand on the buttons.")
    return Verdict.ACCEPT, forms.content_of(post, _standing(item, request)), reason


def _standing(item: Item, request: TeamRequest) -> dict[str, Any]:
    seat = queries.deciding_seat(item, request.user)
    return queries.standing(item, Opinion.objects.filter(item=item, seat=seat).select_related("decision").first())


def _page(request: TeamRequest, item: Item, problem: DistillError | None = None) -> HttpResponse:
    found, user = item.review, request.user
    seat = queries.deciding_seat(item, user)
    opinion = Opinion.objects.filter(item=item, seat=seat).select_related("decision__user").first()
    here = queries.standing(item, opinion)
    shown = _as_typed(request, here) if problem else here
    shown = {**shown, "paint": forms.moved(shown["paint"], shown["answer"] or "")}
    before, after = queries.neighbours(item)
    context = {
        "review": found, "item": item, "opinion": opinion, "here": shown, "was": of_row(item.row), "seat": seat,
        "seen": opinion.version if opinion else 0, "problem": problem, "stale": isinstance(problem, actions.Stale),
        "stored": here if problem else None, "typed": request.POST if problem else {},
        "other_reason": request.POST.get("other-reason", "") if problem else "",
        "before": before, "after": after, "history": queries.history(item, user), "both": queries.opinions_shown(item),
        "third": seat == THIRD and found.seats == 2, "blind": found.seats == 2 and item.state in (State.OPEN, State.HALF),
        "watching": seat == THIRD and item.state in (State.OPEN, State.HALF) and found.seats == 2,
        "counts": queries.counts(found), "left": queries.waiting(found, user).count(),
        "labels": [(n, label) for n, label in enumerate(found.labels[:DIGITS], 1)], "more_labels": found.labels[DIGITS:],
        "empty_spans": range(forms.NEW_SPANS), "reasons": REASONS, "can_write": allows(request.role, Role.MEMBER),
        "fields": {k: v for k, v in _fields(item).items() if k != "paint"},
    }  # fmt: skip
    return render(
        request,
        "review/row.html",
        context,
        status=409 if isinstance(problem, actions.Stale) else 422 if problem else 200,
    )


REASONS = ("wrong answer", "unclear question", "off topic", "personal data", "harmful", "copy", "wrong language")


def _fields(item: Item) -> dict[str, Any]:
    """What the row carries beside question and answer."""
    import json

    return dict(json.loads(item.row.get("fields") or "{}"))


def _as_typed(request: TeamRequest, here: dict[str, Any]) -> dict[str, Any]:
    """What the person typed, so that no refusal loses it; spans that cannot be read are shown as they were."""
    try:
        return {**here, **forms.content_of(request.POST, here)}
    except DistillError:
        kept = request.POST.copy()
        for name in ("span-start", "span-end", "span-weight"):
            kept.pop(name, None)
        return {**here, **forms.content_of(kept, here)}


def review_or_404(request: TeamRequest, review_id: UUID) -> Review:
    try:
        return queries.review(request.team, review_id)
    except Review.DoesNotExist:
        raise Http404 from None


def item_or_404(request: TeamRequest, review_id: UUID, rank: int) -> Item:
    found = review_or_404(request, review_id)
    item = found.items.filter(rank=rank).first()
    if item is None:
        raise Http404
    item.review = found
    return item
