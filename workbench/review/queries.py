"""What the review pages and the API show, all of it scoped to a team."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.db.models import Count, Q, QuerySet

from workbench.datasets.models import DatasetVersion
from workbench.runs.models import Artifact, Kind, Run
from workbench.team.models import Team, User

from . import agreement, content
from .content import Content
from .models import DECIDES, KEEPS, THIRD, Chair, Decision, Item, Opinion, Review, State, Verdict

PAGE = 50
KEEP, CHANGE = "keep", "change"  # categories of agreement, beside reject


def reviews(team: Team) -> QuerySet[Review]:
    """The team's desks with how many rows are on them, decided, and in conflict."""
    return (
        Review.objects.filter(team=team)
        .select_related("version__dataset", "run", "created_by", "made")
        .annotate(
            rows=Count("items"),
            done=Count("items", filter=Q(items__state=State.DONE)),
            conflicts=Count("items", filter=Q(items__state=State.CONFLICT)),
        )
        .order_by("-created_at")  # a query that counts forgets the model's own order
    )


def review(team: Team, review_id: UUID) -> Review:
    """Raises Review.DoesNotExist for another team's."""
    return reviews(team).get(pk=review_id)


def of_version(team: Team, version: DatasetVersion) -> QuerySet[Review]:
    return reviews(team).filter(version=version)


def runs_to_order_by(team: Team, version: DatasetVersion) -> list[Run]:
    """Finished distillations over this dataset that kept what they knew of single rows, those over this version first."""
    kept = Artifact.objects.filter(name="rows.jsonl").values("run")
    found = Run.objects.filter(
        team=team, kind=Kind.DISTILL, state="succeeded", dataset_version__dataset=version.dataset, pk__in=kept
    ).select_related("dataset_version")[:50]
    return sorted(found, key=lambda r: r.dataset_version_id != version.pk)


# -- one row --------------------------------------------------------------------------------------------------------------


def standing(item: Item, opinion: Opinion | None) -> Content:
    """The row's content as a seat has left it."""
    return dict(opinion.decision.new) if opinion and opinion.decision else content.of_row(item.row)


def seat_of(found: Review, user: User) -> int | None:
    """The person's seat so far; None where nobody sat down yet."""
    if found.seats == 1:
        return 1
    chair = Chair.objects.filter(review=found, user=user).first()
    if chair:
        return chair.seat
    return None if Chair.objects.filter(review=found).count() < 2 else THIRD


def deciding_seat(item: Item, user: User) -> int:
    """The seat whose opinion a page shows: the person's own, the third where both others have decided."""
    found = item.review
    if found.seats == 2 and item.state in (State.DONE, State.CONFLICT):
        return THIRD
    return seat_of(found, user) or (1 if not Chair.objects.filter(review=found, seat=1).exists() else 2)


def waiting(found: Review, user: User) -> QuerySet[Item]:
    """Rows this person has still to decide, in order; conflicts for whoever sits third."""
    if found.seats == 1:
        return found.items.exclude(state=State.DONE)
    seat = seat_of(found, user) or 1
    if seat == THIRD:
        return found.items.filter(state=State.CONFLICT)
    mine = Opinion.objects.filter(seat=seat, decision__verdict__in=DECIDES, item__review=found).values("item")
    return found.items.filter(state__in=(State.OPEN, State.HALF)).exclude(pk__in=mine)


def next_of(found: Review, user: User, after: int) -> Item | None:
    """The next row to decide behind this rank, else the first before it. Skipped rows come last."""
    left = waiting(found, user)
    skipped = Opinion.objects.filter(
        item__review=found, seat=seat_of(found, user) or 1, decision__verdict=Verdict.SKIP
    ).values("item")
    fresh = left.exclude(pk__in=skipped)
    return (
        fresh.filter(rank__gt=after).first()
        or fresh.first()
        or left.filter(rank__gt=after).first()
        or left.exclude(rank=after).first()
    )


def neighbours(item: Item) -> tuple[int | None, int | None]:
    """Ranks before and after."""
    ranks = item.review.items
    before = ranks.filter(rank__lt=item.rank).order_by("-rank").values_list("rank", flat=True).first()
    return before, ranks.filter(rank__gt=item.rank).values_list("rank", flat=True).first()


def history(item: Item, user: User) -> list[Decision]:
    """Decisions about a row that this person may see: all, or until both have decided only their own seat's."""
    found = item.decisions.select_related("user", "undoes")
    if item.review.seats == 2 and item.state in (State.OPEN, State.HALF):
        found = found.filter(seat=seat_of(item.review, user) or 0)
    return list(found)


def opinions_shown(item: Item) -> list[Decision]:
    """The two decisions of a row on which both have decided; empty before that: each is blind to the other."""
    if item.review.seats == 1 or item.state not in (State.DONE, State.CONFLICT):
        return []
    found = (
        item.opinions.filter(seat__in=(1, 2), decision__isnull=False).select_related("decision__user").order_by("seat")
    )
    return [o.decision for o in found if o.decision]


# -- many rows ------------------------------------------------------------------------------------------------------------


def filtered(found: Review, user: User, which: str, query: str = "") -> QuerySet[Item]:
    """Rows of the table: waiting, done, conflicts, rejected, changed, skipped or all."""
    items = found.items.all()
    if which == "waiting":
        items = waiting(found, user)
    elif which in ("done", "conflict"):
        items = items.filter(state=State.DONE if which == "done" else State.CONFLICT)
    elif which in ("rejected", "changed", "skipped"):
        words = {
            "rejected": [Verdict.REJECT],
            "skipped": [Verdict.SKIP],
            "changed": [Verdict.EDIT, Verdict.RELABEL, Verdict.PAINT],
        }
        seen = Opinion.objects.filter(item__review=found, decision__verdict__in=words[which])
        if found.seats == 2:
            seen = seen.filter(Q(seat=seat_of(found, user) or 0) | Q(item__state__in=(State.DONE, State.CONFLICT)))
        items = items.filter(pk__in=seen.values("item"))
    if query:
        items = items.filter(Q(row__icontains=query) | Q(why__icontains=query))
    return items


def verdicts(items: list[Item], user: User) -> dict[int, Opinion]:
    """Item -> the opinion that counts for this person: the third's, the only one's, or their own."""
    if not items:
        return {}
    found, out = items[0].review, {}
    for opinion in Opinion.objects.filter(item__in=items).select_related("decision__user").order_by("seat"):
        mine = found.seats == 1 or opinion.seat in (THIRD, seat_of(found, user))
        if mine:
            out[opinion.item_id] = opinion
    return out


def agree(a: Decision | None, b: Decision | None) -> bool:
    """Whether two decisions come to the same: both reject, or both keep the row with the same content."""
    if a is None or b is None:
        return False
    if Verdict.REJECT in (a.verdict, b.verdict):
        return a.verdict == b.verdict
    return content.same(a.new, b.new)


def category(decision: Decision) -> str:
    if decision.verdict == Verdict.REJECT:
        return str(Verdict.REJECT)
    return KEEP if decision.verdict == Verdict.ACCEPT else CHANGE


def agreement_of(found: Review) -> dict[str, Any]:
    """How far the two reviewers agree, over rows both have decided; their own decisions count, not the third."""
    stands: dict[int, dict[int, Decision]] = {}
    chosen = Opinion.objects.filter(item__review=found, seat__in=(1, 2), decision__verdict__in=DECIDES)
    for opinion in chosen.select_related("decision"):
        if opinion.decision:
            stands.setdefault(opinion.item_id, {})[opinion.seat] = opinion.decision
    both = [(d[1], d[2]) for d in stands.values() if len(d) == 2]
    pairs = [(category(a), category(b)) for a, b in both]
    names = (KEEP, CHANGE, str(Verdict.REJECT))
    table = Counter(pairs)
    chairs = {c.seat: c.user.email for c in found.chairs.select_related("user")}
    return {
        "rows": len(both),
        "same": agreement.share(sum(agree(a, b) for a, b in both), len(both)).as_dict(),
        "category": agreement.share(sum(a == b for a, b in pairs), len(pairs)).as_dict(),
        "kappa": agreement.kappa(pairs).as_dict(),
        "table": [{"first": a, "counts": [table[a, b] for b in names]} for a in names],
        "categories": list(names),
        "reviewers": [chairs.get(1), chairs.get(2)],
        "conflicts": found.items.filter(state=State.CONFLICT).count(),
        "third": Opinion.objects.filter(item__review=found, seat=THIRD, decision__verdict__in=DECIDES).count(),
    }


# -- what comes of it -----------------------------------------------------------------------------------------------------


def final(found: Review) -> Iterator[tuple[Item, Decision]]:
    """(row, the decision that counts) of every decided row: the third's, else the agreed or only one."""
    by_item: dict[int, dict[int, Decision]] = {}
    for opinion in Opinion.objects.filter(
        item__review=found, item__state=State.DONE, decision__verdict__in=DECIDES
    ).select_related("decision__user"):
        if opinion.decision:
            by_item.setdefault(opinion.item_id, {})[opinion.seat] = opinion.decision
    for item in found.items.filter(pk__in=list(by_item)):
        seats = by_item[item.pk]
        yield item, seats.get(THIRD) or seats.get(1) or seats[2]


def counts(found: Review) -> dict[str, int]:
    """Rows on the desk, decided, open, in conflict, and by what was decided."""
    states = Counter(found.items.values_list("state", flat=True))
    by = Counter(d.verdict for _, d in final(found))
    return {
        "rows": sum(states.values()),
        "decided": states[State.DONE],
        "open": states[State.OPEN] + states[State.HALF],
        "conflicts": states[State.CONFLICT],
        "undecided": sum(states.values()) - states[State.DONE],
        "changed": by[Verdict.EDIT] + by[Verdict.RELABEL] + by[Verdict.PAINT],
        **{str(v): by[v] for v in (*KEEPS, Verdict.REJECT)},
    }


def decision_out(decision: Decision, item: Item) -> dict[str, Any]:
    """One line of the list of decisions."""
    return {
        "id": decision.pk,
        "place": item.place,
        "row_id": item.row_id,
        "seat": decision.seat,
        "by": decision.user.email if decision.user else None,
        "at": decision.at.isoformat(),
        "verdict": decision.verdict,
        "old": decision.old,
        "new": decision.new,
        "reason": decision.reason,
        "comment": decision.comment,
        "undoes": decision.undoes_id,
    }


def decisions(found: Review, user: User) -> Iterator[dict[str, Any]]:
    """Every decision, oldest first; of rows where only one of two has decided, the other's stays hidden."""
    chosen = Decision.objects.filter(item__review=found).select_related("item", "user").order_by("pk")
    if found.seats == 2:
        chosen = chosen.filter(Q(seat=seat_of(found, user) or 0) | Q(item__state__in=(State.DONE, State.CONFLICT)))
    for decision in chosen.iterator(500):
        yield decision_out(decision, decision.item)
