"""Two pages changed the same draft: what each says, and the ways out. Nothing that was typed is lost."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render

from workbench.team.request import TeamRequest

from . import differences, nodes, paths, recipe_text
from .history import Conflict


@dataclass(frozen=True)
class Clash:
    """One field: what it was when the page was opened, what the page says, what is saved meanwhile."""

    title: str
    mine: str
    theirs: str
    both: bool  # both sides changed it


def clashes(base: dict[str, Any], mine: dict[str, Any], theirs: dict[str, Any]) -> list[Clash]:
    """Fields that either side changed, those that both changed first."""
    inputs = {i.path: i for fields in (mine, theirs) for i in nodes.leaves(nodes.tree(fields))}
    ours = {d.path: d for d in differences.between(base, mine)}
    others = {d.path: d for d in differences.between(base, theirs)}
    out = []
    for path in dict.fromkeys([*ours, *others]):
        d = ours.get(path) or others[path]
        here, there = (
            x.words if (x := side.get(path)) and x.kind != "changed" else differences.shown(paths.get(fields, path), inputs.get(path))
            for side, fields in ((ours, mine), (others, theirs))
        )  # fmt: skip
        if here != there:
            out.append(
                Clash(f"{d.place}: {d.title}" if d.place else d.title, here, there, path in ours and path in others)
            )
    return sorted(out, key=lambda c: not c.both)


def conflict_page(request: TeamRequest, conflict: Conflict, text: str | None = None) -> HttpResponse:
    """409 with both sides, as a page or as a part of one. The form's values, or the text, are sent back as they came."""
    draft = conflict.draft
    context = {
        "draft": draft,
        "clashes": clashes(conflict.base, conflict.mine, draft.fields),
        "kept": conflict.kept,
        "last": draft.changes.filter(number=draft.head).select_related("by").first(),
        "text": text,
        "mine_text": recipe_text.dump(conflict.mine) if text is None else text,
        "posted": [(k, v) for k, v in request.POST.items() if k not in ("csrfmiddlewaretoken", "draft:over")],
        "where": request.path,
    }
    if request.htmx:
        response = render(request, "studio/_partials/conflict.html", context | {"live": True}, status=409)
        response["HX-Retarget"], response["HX-Reswap"] = "#conflict", "innerHTML"
        response["HX-Trigger"] = json.dumps({"studio:conflict": {}})
        return response
    return render(request, "studio/conflict.html", context, status=409)
