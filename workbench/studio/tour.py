"""The first visit's tour: four steps on the studio's own parts, a strip on the page and no overlay; its place is kept."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils import timezone

from workbench.team.models import User

from .models import Tour


@dataclass(frozen=True)
class Step:
    number: int
    title: str
    text: str
    at: str  # id of the part it speaks about


STEPS = (
    Step(1, "Choose a pair", "Pick a teacher and a student. Between them stands whether the one can teach the other, and why.", "verdict"),
    Step(2, "Choose rows", "A dataset, a version of it. Rows without an answer help too: the teacher answers them.", "card-dataset"),
    Step(3, "Choose a method", "Compare what is possible here, or answer six questions and take the advice. Empty fields have sound defaults.", "card-method"),
    Step(4, "See what it costs, then start", "Memory, time and problems are worked out on every change. Two real steps measure them. One button starts.", "summary"),
)  # fmt: skip


def shown(user: User) -> Step | None:
    """The step to show; None once the tour has ended."""
    tour, _ = Tour.objects.get_or_create(user=user)
    return None if tour.ended_at else STEPS[min(max(tour.step, 1), len(STEPS)) - 1]


def go(user: User, what: str) -> Step | None:
    """`next`, `back`, `end` or `again`; the step that is shown then."""
    tour, _ = Tour.objects.get_or_create(user=user)
    last = len(STEPS)
    if what == "again":
        tour.step, tour.ended_at = 1, None
    elif what == "end" or (what == "next" and tour.step >= last):
        tour.ended_at = timezone.now()
    elif what in ("next", "back"):
        tour.step = min(last, max(1, tour.step + (1 if what == "next" else -1)))
    tour.save()
    return shown(user)
