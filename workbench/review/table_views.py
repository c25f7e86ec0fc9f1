"""Many rows of a desk at once: table, bulk decisions, agreement, and the version that comes of it."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from jobs.distill.errors import DistillError
from workbench.adapters.zipped import text_attachment
from workbench.team.models import Role
from workbench.team.permissions import allows, needs
from workbench.team.request import TeamRequest

from . import actions, finishing, queries
from .content import of_row
from .models import Verdict
from .views import REASONS, review_or_404

WHICH = {
    "all": "All rows", "waiting": "To decide", "done": "Decided", "conflict": "Reviewers differ", "changed": "Changed",
    "rejected": "Rejected", "skipped": "Skipped",
}  # fmt: skip


@require_GET
def table(request: TeamRequest, review_id: UUID) -> HttpResponse:
    """Rows of the desk, fifty a page; what is shown stands in the address."""
    found = review_or_404(request, review_id)
    which = request.GET.get("which", "all") if request.GET.get("which") in WHICH else "all"
    query = request.GET.get("q", "")[:200]
    page = Paginator(queries.filtered(found, request.user, which, query), queries.PAGE).get_page(
        request.GET.get("page")
    )
    items = list(page.object_list)
    for item in items:
        item.review = found
    stands = queries.verdicts(items, request.user)
    lines = []
    for item in items:
        opinion = stands.get(item.pk)
        here = queries.standing(item, opinion)
        lines.append(
            {
                "item": item,
                "opinion": opinion,
                "here": here,
                "decision": opinion.decision if opinion else None,
                "changed": here != of_row(item.row),
            }
        )
    context = {
        "review": found, "lines": lines, "page": page, "which": which, "query": query, "choices": WHICH, "counts": queries.counts(found),
        "reasons": REASONS, "left": queries.waiting(found, request.user).count(), "can_write": allows(request.role, Role.MEMBER),
    }  # fmt: skip
    return render(request, "review/table.html", context)


@require_POST
@needs(Role.MEMBER)
def bulk(request: TeamRequest, review_id: UUID) -> HttpResponse:
    """One decision about the ticked rows. Rows decided meanwhile stay as they are, and are named."""
    found, post = review_or_404(request, review_id), request.POST
    picked: dict[int, int | None] = {}
    for value in post.getlist("item")[:10_000]:
        item, _, seen = value.partition(":")
        if item.isdecimal() and len(item) < 19:
            picked[int(item)] = int(seen) if seen.isdecimal() else None
    verdict = post.get("verdict", "")
    if not picked:
        messages.error(request, "No row is ticked.")
    elif verdict in (Verdict.ACCEPT, Verdict.REJECT, Verdict.SKIP, Verdict.RELABEL):
        label = post.get("label", "") if verdict == Verdict.RELABEL else None
        if verdict == Verdict.RELABEL and not label:
            messages.error(request, "Choose the label that the ticked rows get.")
        else:
            done, problems = actions.decide_many(
                found, request.user, picked, verdict, post.get("reason", "") or post.get("other-reason", ""), label
            )
            if done:
                messages.success(request, f"{done:,} row{'s' if done != 1 else ''} decided.")
            for text in problems[:10]:
                messages.error(request, text)
            if len(problems) > 10:
                messages.error(request, f"And {len(problems) - 10:,} more rows were left as they are.")
    back = post.get("back", "")
    here = reverse("review:table", args=[review_id])
    return redirect(back if back.startswith(here) else here)


@require_GET
def agreement(request: TeamRequest, review_id: UUID) -> HttpResponse:
    found = review_or_404(request, review_id)
    conflicts = list(queries.filtered(found, request.user, "conflict")[: queries.PAGE])
    for item in conflicts:
        item.review = found
    context = {
        "review": found, "agreement": queries.agreement_of(found), "counts": queries.counts(found),
        "conflicts": [{"item": i, "both": queries.opinions_shown(i)} for i in conflicts],
    }  # fmt: skip
    return render(request, "review/agreement.html", context)


def finish(request: TeamRequest, review_id: UUID) -> HttpResponse:
    """GET: what a new version would be. POST: starts the run that makes it."""
    found = review_or_404(request, review_id)
    if request.method == "POST":
        return _start(request, found)
    return render(request, "review/finish.html", _finish_context(request, found))


@needs(Role.MEMBER)
def _start(request: TeamRequest, found: Any) -> HttpResponse:
    try:
        run = finishing.make_version(found, request.user, request.POST.get("unreviewed", "keep"))
    except DistillError as e:
        return render(request, "review/finish.html", {**_finish_context(request, found), "problem": e}, status=422)
    messages.success(request, "The new version is being made.")
    return redirect("runs:detail", run.pk)


def _finish_context(request: TeamRequest, found: Any) -> dict[str, Any]:
    counts = queries.counts(found)
    made = finishing.version_made(found)
    return {
        "review": found, "counts": counts, "rejected": finishing.rejected(found)[:200], "made": made,
        "not_on_desk": found.total - counts["rows"], "can_write": allows(request.role, Role.MEMBER),
    }  # fmt: skip


@require_GET
def decisions(request: TeamRequest, review_id: UUID) -> HttpResponse:
    """Every decision as JSONL: who, when, from what to what."""
    found = review_or_404(request, review_id)
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in queries.decisions(found, request.user))
    return text_attachment(text, f"review-{found.pk}.jsonl", "application/x-ndjson; charset=utf-8")
