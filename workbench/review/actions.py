"""What people do at a review desk. Every decision is a new row; a change of an opinion is a conditional UPDATE."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F

from jobs.distill.errors import DataRefused, DistillError
from workbench.datasets import children
from workbench.datasets.models import DatasetVersion
from workbench.runs.models import Artifact, Run
from workbench.team.models import Team, User

from . import content, queries
from .content import Content
from .models import BY_RUN, DECIDES, KEEPS, THIRD, Chair, Decision, Item, Opinion, Order, Review, State, Verdict

LABELS = 9  # keys 1 to 9
MOST_LABELS = 200  # different answers: with more of them they are texts, not labels
MOST_ROWS = 20_000


class Stale(DistillError):
    """The row was decided meanwhile, in another tab or by somebody else; nothing was changed."""

    code = "REVIEW_STALE"


class NotYours(DistillError):
    """This person may not decide this row (now)."""

    code = "REVIEW_NOT_YOURS"


# -- the desk -------------------------------------------------------------------------------------------------------------


def open_review(
    team: Team,
    user: User,
    version: DatasetVersion,
    order: str = Order.FILE,
    *,
    run: Run | None = None,
    limit: int = 500,
    seats: int = 1,
    seed: int = 0,
) -> Review:
    """Sets a desk up. Raises DataRefused where the order has nothing to go by."""
    asked: dict[str, Any] = {"order": order, "limit": min(MOST_ROWS, max(1, limit)), "seed": seed}
    if order in BY_RUN:
        asked["outcomes"] = str(_outcomes(run))
    path = children.local_copy(version.rows_blob_id)
    found = children.ask({"verb": "desk", "path": str(path), **asked})
    return lay_out(team, user, version, order, found, run if order in BY_RUN else None, seats)


def lay_out(
    team: Team,
    user: User | None,
    version: DatasetVersion,
    order: str,
    found: dict[str, Any],
    run: Run | None,
    seats: int,
) -> Review:
    """A desk of the rows that jobs.distill.data.desk found. Raises DataRefused when there are none."""
    if not found["rows"]:
        raise DataRefused("There is no row to review.", field="order", hint="Choose another order.")
    note = found["note"]
    if len(found["rows"]) < found["total"]:
        note = f"{len(found['rows']):,} of {found['total']:,} rows are on this desk. {note}".strip()
    with transaction.atomic():
        review = Review.objects.create(
            team=team, version=version, title=f"{version.dataset.title}, version {version.number}"[:200], order=order,
            run=run, seats=2 if seats == 2 else 1, total=found["total"], note=note[:400],
            labels=_labels(version, [r["row"]["answer"] for r in found["rows"]]), created_by=user,
        )  # fmt: skip
        Item.objects.bulk_create(
            (
                Item(review=review, rank=n, place=r["place"], row_id=r["row"]["row_id"], row=_storable(r["row"]), why=r["why"], said=_storable(r["said"]))
                for n, r in enumerate(found["rows"], 1)
            ),
            batch_size=500,
        )  # fmt: skip
    return review


def _outcomes(run: Run | None) -> Path:
    """The rows.jsonl that the run left, on this machine."""
    if run is None:
        raise DataRefused("This order needs a run.", field="run", hint="Choose a finished run over these rows.")
    artifact = Artifact.objects.filter(run=run, name="rows.jsonl").first()
    if artifact is None:
        raise DataRefused(
            f"Run {run.number} did not keep what it knew of single rows.", field="run",
            hint="Runs keep it since this version of the workbench: start it again, or choose another run.",
        )  # fmt: skip
    return children.local_copy(artifact.blob_id)


def _labels(version: DatasetVersion, answers: Iterable[str | None]) -> list[str]:
    """The commonest answers where answers are labels: of the whole version where it was measured, else of the desk."""
    measured = (version.profile or {}).get("labels") or []
    if measured:
        return [str(label) for label, _ in measured[:MOST_LABELS]]
    counts = Counter(a for a in answers if a is not None)
    if not counts or len(counts) > MOST_LABELS or len(counts) * 2 > sum(counts.values()) or max(map(len, counts)) > 100:
        return []
    return [label for label, _ in counts.most_common()]


def _storable(value: Any) -> Any:
    from workbench.datasets.actions import storable

    return storable(value)


def sit_down(review: Review, user: User) -> int:
    """The seat from which this person decides: the only one, an own one of two, or the third. Raises NotYours."""
    if review.seats == 1:
        return 1
    if found := Chair.objects.filter(review=review, user=user).first():
        return found.seat
    for seat in (1, 2):
        try:
            with transaction.atomic():
                return Chair.objects.create(review=review, user=user, seat=seat).seat
        except IntegrityError:
            continue
    return THIRD


# -- decisions ------------------------------------------------------------------------------------------------------------


def decide(
    item: Item,
    user: User,
    verdict: str,
    *,
    seen: int | None,
    new: Content | None = None,
    reason: str = "",
    comment: str = "",
) -> Opinion:
    """Takes one decision about one row. `verdict` keep (what it is called follows from what changed), reject or skip.

    seen: the version of the opinion that the person looked at; None does not check. Raises Stale, NotYours, DataRefused.
    """
    with transaction.atomic():
        item = Item.objects.select_for_update(of=("self",)).select_related("review").get(pk=item.pk)
        seat = seat_for(item, user)
        opinion, _ = Opinion.objects.select_related("decision").get_or_create(item=item, seat=seat)
        _not_stale(item, opinion, seen)
        old = queries.standing(item, opinion)
        after = content.checked(new, old) if new is not None and verdict not in (Verdict.REJECT, Verdict.SKIP) else old
        if verdict == Verdict.REJECT and not reason.strip():
            raise DataRefused(
                "Say why the row is rejected.", field="reason", hint="One word is enough: wrong, unclear, private …"
            )
        if verdict not in (Verdict.REJECT, Verdict.SKIP):
            verdict = content.verdict_of(after, content.of_row(item.row), item.review.labels)
        decision = Decision.objects.create(
            item=item, seat=seat, user=user, verdict=verdict, old=old, new=after, reason=reason.strip()[:500], comment=comment.strip()
        )  # fmt: skip
        return _stand(item, opinion, decision)


def undo(item: Item, user: User, *, seen: int | None) -> Opinion:
    """Takes the seat's last decision back; what was decided before it counts again. Raises Stale, NotYours, DataRefused."""
    with transaction.atomic():
        item = Item.objects.select_for_update(of=("self",)).select_related("review").get(pk=item.pk)
        seat = seat_for(item, user)
        opinion, _ = Opinion.objects.select_related("decision").get_or_create(item=item, seat=seat)
        _not_stale(item, opinion, seen)
        last = opinion.decision
        if last is None:
            raise DataRefused("There is nothing to undo on this row.")
        before = (
            Decision.objects.filter(item=item, seat=seat, pk__lt=last.pk, undone_by=None)
            .exclude(verdict__in=(Verdict.UNDO, Verdict.COMMENT))
            .order_by("-pk")
            .first()
        )
        back = before.new if before else content.of_row(item.row)
        Decision.objects.create(
            item=item, seat=seat, user=user, verdict=Verdict.UNDO, old=last.new, new=back, undoes=last
        )
        return _stand(item, opinion, before)


def say(item: Item, user: User, comment: str) -> Decision:
    """A comment; it changes nothing else. Raises DataRefused when it is empty."""
    if not comment.strip():
        raise DataRefused("The comment is empty.", field="comment", hint="Write it, then send it.")
    seat = seat_for(item, user, comment_only=True)
    opinion = Opinion.objects.filter(item=item, seat=seat).select_related("decision").first()
    here = queries.standing(item, opinion)
    return Decision.objects.create(
        item=item, seat=seat, user=user, verdict=Verdict.COMMENT, old=here, new=here, comment=comment.strip()
    )


def seat_for(item: Item, user: User, comment_only: bool = False) -> int:
    """The seat from which the person may decide this row. At a desk of two, a row that both have decided is settled by a
    third decision, whoever takes it: their own two stay as they are, for the agreement's sake. Raises NotYours."""
    review = item.review
    seat = sit_down(review, user)
    if review.seats == 1 or comment_only:
        return seat
    both = Opinion.objects.filter(item=item, seat__in=(1, 2), decision__verdict__in=DECIDES).count() == 2
    if both:
        return THIRD
    if seat == THIRD:
        raise NotYours(
            "Two others review this row; you decide where they differ.", hint="Look at the rows on which they differ."
        )
    return seat


def _not_stale(item: Item, opinion: Opinion, seen: int | None) -> None:
    if seen is not None and opinion.version != seen:
        who = opinion.decision.user.email if opinion.decision and opinion.decision.user else "somebody"
        word = Verdict(opinion.decision.verdict).label.lower() if opinion.decision else "undone"
        raise Stale(
            f"Row {item.place:,} was {word} meanwhile by {who}, in another tab or at another desk; nothing was changed.",
            hint="Look at it again, then decide.",
        )


def _stand(item: Item, opinion: Opinion, decision: Decision | None) -> Opinion:
    moved = Opinion.objects.filter(pk=opinion.pk, version=opinion.version).update(
        decision=decision, version=F("version") + 1
    )
    if not moved:
        raise Stale("The row was decided meanwhile; nothing was changed.", hint="Look at it again, then decide.")
    opinion.decision, opinion.version = decision, opinion.version + 1
    Item.objects.filter(pk=item.pk).update(state=state_of(item))
    return opinion


def state_of(item: Item) -> str:
    """Open, half, decided or in conflict, from the opinions as they are."""
    stands = {
        o.seat: o.decision
        for o in Opinion.objects.filter(item=item, decision__verdict__in=DECIDES).select_related("decision")
    }
    if THIRD in stands or (item.review.seats == 1 and 1 in stands):
        return State.DONE
    if len(stands) < 2:
        return State.HALF if stands else State.OPEN
    return State.DONE if queries.agree(stands[1], stands[2]) else State.CONFLICT


# -- in bulk --------------------------------------------------------------------------------------------------------------


def decide_many(
    review: Review, user: User, picked: dict[int, int | None], verdict: str, reason: str = "", label: str | None = None
) -> tuple[int, list[str]]:
    """One decision about many rows, {item: version seen}; each on its own. Returns (decided, sentences about the others)."""
    done, problems = 0, []
    for item in Item.objects.filter(review=review, pk__in=list(picked)).select_related("review").order_by("rank"):
        try:
            new = None
            if label is not None:
                seat = seat_for(item, user)
                opinion = Opinion.objects.filter(item=item, seat=seat).select_related("decision").first()
                new = {**queries.standing(item, opinion), "answer": label}
            decide(item, user, verdict, seen=picked[item.pk], new=new, reason=reason)
            done += 1
        except DistillError as e:
            problems.append(e.message if isinstance(e, Stale) else f"Row {item.place:,}: {e.message}")
    return done, problems


def take_in(review: Review, user: User, lines: list[dict[str, Any]]) -> tuple[int, list[str]]:
    """Decisions of a file: {row_id or place, verdict, answer?, messages?, paint?, reason?, comment?}; each on its own.
    Returns (taken, sentences about the others, with their line)."""
    by_id: dict[str, list[Item]] = {}
    by_place: dict[int, Item] = {}
    for item in review.items.select_related("review"):
        by_id.setdefault(item.row_id, []).append(item)
        by_place[item.place] = item
    done, problems = 0, []
    for n, line in enumerate(lines, 1):
        try:
            found = (
                [by_place[line["place"]]] if line.get("place") in by_place else by_id.get(str(line.get("row_id")), [])
            )
            if not found:
                raise DataRefused("there is no such row on this desk.", field="row_id")
            if len(found) > 1:
                raise DataRefused(f"{len(found)} rows have this id: name the row by its place.", field="place")
            _take_one(found[0], user, line)
            done += 1
        except DistillError as e:
            problems.append(f"Line {n}: {e.message}")
    return done, problems


def _take_one(item: Item, user: User, line: dict[str, Any]) -> None:
    verdict = str(line.get("verdict") or "")
    words = {"reason": str(line.get("reason") or ""), "comment": str(line.get("comment") or "")}
    if verdict == Verdict.COMMENT:
        say(item, user, words["comment"])
        return
    if verdict not in (*KEEPS, Verdict.REJECT, Verdict.SKIP):
        raise DataRefused(
            f"“{verdict[:40]}” is no verdict.",
            field="verdict",
            hint="accept, edit, relabel, paint, reject, skip or comment.",
        )
    new: Content = {k: line[k] for k in ("answer", "messages", "paint") if k in line}
    decide(item, user, verdict, seen=None, new=new or None, **words)
