"""Every state a draft was in. A change moves the head; undoing moves it back, and what was undone stays in the list."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Max

from jobs.distill.errors import DistillError
from workbench.team.models import User

from . import differences
from .models import Draft, DraftChange

KEPT = 500  # states of a draft; the oldest go first
ASIDE = "Not taken over: "  # how the words of a refused change begin


@dataclass(frozen=True)
class Seen:
    """What the sender of a change had before them. `number` is None where it does not say: then nothing is compared."""

    number: int | None = None
    tab: str = ""
    over: int | None = None  # the newer state that the sender has been shown and puts this change over
    by: User | None = None


class Conflict(DistillError):
    """The draft was changed elsewhere since the sender saw it. What was sent is kept as a state of its own."""

    def __init__(self, draft: Draft, base: dict[str, Any], mine: dict[str, Any], kept: int) -> None:
        super().__init__(
            "This draft was changed elsewhere since you opened it.", code="DRAFT_CHANGED",
            hint=f"Read it again, or send seen={draft.head} to put your change over it. Yours is kept as state {kept}.",
        )  # fmt: skip
        self.draft, self.base, self.mine, self.kept = draft, base, mine, kept


def base_of(draft: Draft, seen: Seen) -> dict[str, Any]:
    """The fields that the sender saw."""
    if seen.number is None or seen.number == draft.head:
        return draft.fields if isinstance(draft.fields, dict) else {}
    found = draft.changes.filter(number=seen.number).first()
    return found.fields if found else draft.fields


def change(
    draft: Draft, fields: dict[str, Any], seen: Seen, words: str = "", comments: list[Any] | None = None
) -> Draft:
    """Makes `fields` the draft's state, with a sentence about it. Nothing is written where nothing differs.

    Raises Conflict where somebody else, or another page of the same person, changed the draft in between.
    """
    refused = _change(draft, fields, seen, words, comments)
    if refused:
        raise refused
    return draft


@transaction.atomic
def _change(
    draft: Draft, fields: dict[str, Any], seen: Seen, words: str, comments: list[Any] | None
) -> Conflict | None:
    now = Draft.objects.select_for_update().get(pk=draft.pk)
    kept = now.comments if comments is None else comments
    if fields == now.fields and kept == now.comments:
        _take(draft, now)
        return None
    base = base_of(now, seen)
    _first(now)
    said = words or differences.sentence(differences.between(base, fields))
    if elsewhere(now, seen):
        return Conflict(now, base, fields, _keep(now, fields, kept, said, seen))
    _move(now, _add(now, fields, kept, said, now.head, seen))
    _take(draft, now)
    return None


def _keep(draft: Draft, fields: dict[str, Any], comments: list[Any], said: str, seen: Seen) -> int:
    """The number of a state that holds what was refused, so that closing the page loses nothing."""
    same = draft.changes.filter(fields=fields).first()
    return (same or _add(draft, fields, comments, f"{ASIDE}{said}", seen.number, seen)).number


def elsewhere(draft: Draft, seen: Seen) -> bool:
    """Whether a state between what was seen and the newest came from another page."""
    if seen.number is None or draft.head in (seen.number, seen.over):
        return False
    states = {c.number: c for c in draft.changes.only("number", "parent", "tab")}
    at: int | None = draft.head
    while at is not None and at != seen.number:
        found = states.get(at)
        if found is None or not seen.tab or found.tab != seen.tab:
            return True
        at = found.parent
    return at != seen.number


def trail(draft: Draft) -> list[DraftChange]:
    """The states that led to the present one, newest first."""
    states = {c.number: c for c in draft.changes.select_related("by")}
    out, at = [], states.get(draft.head)
    while at is not None:
        out.append(at)
        at = states.get(at.parent) if at.parent is not None else None
    return out


def ahead(draft: Draft) -> DraftChange | None:
    """What redo brings back: the newest state that came from the present one and was the draft's once."""
    return draft.changes.filter(parent=draft.head).exclude(words__startswith=ASIDE).first()


def can_undo(draft: Draft) -> bool:
    return draft.changes.filter(number=draft.head).exclude(parent=None).exists()


def undo(draft: Draft) -> DraftChange | None:
    """Back to the state before; the change that was undone, or None."""
    last = draft.changes.filter(number=draft.head).first()
    if last is None or last.parent is None or goto(draft, last.parent) is None:
        return None
    return last


def redo(draft: Draft) -> DraftChange | None:
    """Forward again; the change that was made again, or None."""
    found = ahead(draft)
    return goto(draft, found.number) if found else None


@transaction.atomic
def goto(draft: Draft, number: int) -> DraftChange | None:
    """Makes an earlier or undone state the present one."""
    now = Draft.objects.select_for_update().get(pk=draft.pk)
    state = now.changes.filter(number=number).first()
    if state is not None:
        _move(now, state)
        _take(draft, now)
    return state


def _first(draft: Draft) -> None:
    """A draft that was never changed gets its first state, so that one can go back to it."""
    if not draft.changes.filter(number=draft.head).exists():
        DraftChange.objects.create(
            draft=draft, number=draft.head, fields=draft.fields, comments=draft.comments, words="As it was opened.",
            by_id=draft.created_by_id,
        )  # fmt: skip


def _add(
    draft: Draft, fields: dict[str, Any], comments: list[Any], words: str, parent: int | None, seen: Seen
) -> DraftChange:
    newest = draft.changes.aggregate(n=Max("number"))["n"] or 0
    draft.changes.filter(number__lte=newest + 1 - KEPT).exclude(number=draft.head).delete()
    return DraftChange.objects.create(
        draft=draft, number=newest + 1, parent=parent, fields=fields, comments=comments, words=words[:400], by=seen.by,
        tab=seen.tab[:40],
    )  # fmt: skip


def _move(draft: Draft, state: DraftChange) -> None:
    """The state becomes the draft's. A draft that has become a run and is changed afterwards is a new one with a new key."""
    draft.head, draft.fields, draft.comments = state.number, state.fields, state.comments
    draft.title = str(draft.fields.get("name") or "")[:200] if isinstance(draft.fields, dict) else ""
    if draft.run_id:
        draft.run, draft.idem_key = None, uuid.uuid4()
    draft.save(update_fields=["fields", "comments", "head", "title", "run", "idem_key", "changed_at"])


def _take(draft: Draft, now: Draft) -> None:
    for name in ("fields", "comments", "head", "title", "run_id", "idem_key", "changed_at"):
        setattr(draft, name, getattr(now, name))
