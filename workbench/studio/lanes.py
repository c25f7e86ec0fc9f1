"""The stages of a recipe as cards in lanes: which adapter each goes on with, where a branch leaves and where a merge ends."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from jobs.distill.plan.result import Problem

from . import forms
from .stage_words import ABOUT, ICONS, WORDS, Share, facts_of, mix_of, name_of, text_of

__all__ = ["ABOUT", "DATA", "ICONS", "WORDS", "Card", "Lanes", "lanes", "name_of"]

DATA = (
    "generate",
    "record",
    "select",
    "write",
    "verify",
    "prefer",
    "reward",
    "review",
    "use",
)  # beside the adapters' lanes
MOST_LANES = 9
# Geometry of the drawing behind the cards, in rem; the same numbers stand in board.css.
WIDTH, GAP, HEIGHT, CARD = 15.0, 2.5, 10.5, 9.5


@dataclass(frozen=True)
class Card:
    """One stage. `parents` says in words what it goes on from; `facts` its data and what it does; `inner` the stages of a loop."""

    index: int
    kind: str
    name: str
    lane: int
    parents: str = ""
    facts: tuple[str, ...] = ()
    mix: tuple[Share, ...] = ()
    problems: tuple[Problem, ...] = ()
    at: str = "stages"
    inner: Lanes | None = None

    @property
    def path(self) -> str:
        return f"{self.at}.{self.index}"

    @property
    def number(self) -> str:
        """Its place as people count: 3, and 3.1 for the first stage of a loop that is the third."""
        return ".".join(str(int(n) + 1) for n in self.path.split(".") if n.isdigit())

    @property
    def id(self) -> str:
        return forms.anchor(self.path)

    @property
    def icon(self) -> str:
        return ICONS.get(self.kind, "help")

    @property
    def word(self) -> str:
        return WORDS.get(self.kind, self.kind or "Unknown")


@dataclass(frozen=True)
class Lanes:
    """cards in the order they run; titles of the lanes from top to bottom; paths of the drawing, as (kind, d).

    `at` is the path of the list they stand in: stages, or stages.2.stages for those of a loop.
    """

    cards: tuple[Card, ...] = ()
    titles: tuple[str, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    at: str = "stages"

    @property
    def width(self) -> float:
        return WIDTH * len(self.cards) + GAP

    @property
    def height(self) -> float:
        return HEIGHT * max(1, len(self.titles))

    @property
    def end(self) -> str:
        """The place behind the last stage."""
        return f"{self.at}.{len(self.cards)}"

    @property
    def is_inner(self) -> bool:
        return self.at != "stages"

    @property
    def loops(self) -> tuple[Card, ...]:
        return tuple(c for c in self.cards if c.inner is not None)


@dataclass
class _Walk:
    """What is known while going through the stages: the lane and the last stage of each learner, stages by name.

    `learnt` holds who learns in which stage before a loop, by the stage's name; it is None outside of loops.
    """

    one_lane: bool
    learnt: Mapping[str, str] | None = None
    titles: list[str] = field(default_factory=list)
    lane_of: dict[str, int] = field(default_factory=dict)
    last: dict[str, int] = field(default_factory=dict)
    named: dict[str, int] = field(default_factory=dict)
    lanes: list[int] = field(default_factory=list)
    links: list[tuple[str, int, int]] = field(default_factory=list)

    def lane(self, title: str) -> int:
        if self.one_lane and self.titles:
            return 0
        self.titles.append(title)
        return min(len(self.titles), MOST_LANES) - 1


def lanes(
    stages: Any, problems: Iterable[Problem] = (), at: str = "stages", learnt: Mapping[str, str] | None = None
) -> Lanes:
    """Whatever a draft holds in the list at `at`; what is no stage is left out of the drawing but keeps its place."""
    items, problems = _dicts(stages), tuple(problems)
    walk = _Walk(not _branches(items), learnt)
    said = [_place(walk, i, s) for i, s in enumerate(items)]
    cards = tuple(
        Card(
            i, text_of(s, "kind"), name_of(s), walk.lanes[i], said[i], tuple(facts_of(s)), mix_of(s),
            tuple(p for p in problems if f"{p.field}.".startswith(f"{at}.{i}.")), at,
            lanes(s.get("stages"), problems, f"{at}.{i}.stages", _learners(items[:i])) if s.get("kind") == "loop" and learnt is None else None,
        )
        for i, s in enumerate(items)
    )  # fmt: skip
    drawn = tuple((kind, _curve(i, walk.lanes[i], j, walk.lanes[j])) for kind, i, j in walk.links)
    return Lanes(cards, tuple(walk.titles[:MOST_LANES]), drawn, at)


def _dicts(stages: Any) -> list[dict[str, Any]]:
    return [s if isinstance(s, dict) else {} for s in stages] if isinstance(stages, list) else []


def _learners(stages: list[dict[str, Any]]) -> dict[str, str]:
    """Who learns in each training stage, by its name, those of loops among them; a merge is the student's."""
    out: dict[str, str] = {}
    for s in stages:
        if s.get("kind") in ("train", "merge"):
            out[name_of(s)] = text_of(s, "learner", "student")
        elif s.get("kind") == "loop":
            out |= _learners(_dicts(s.get("stages")))
    return out


def _branches(stages: list[dict[str, Any]]) -> bool:
    """Whether the stages are more than one line of adapters."""
    trained = [s for s in stages if s.get("kind") == "train"]
    learners = set(_learners(stages).values())
    starts = [text_of(s, "start", "previous") for s in trained[1:]]
    return len(learners) > 1 or any(s != "previous" for s in starts) or any(s.get("kind") == "merge" for s in stages)


def _place(walk: _Walk, i: int, stage: dict[str, Any]) -> str:
    """Puts the stage into its lane and returns what it goes on from, in words."""
    kind = text_of(stage, "kind")
    if kind == "train":
        said = _train(walk, i, stage)
    elif kind == "merge":
        said = _merge(walk, i, stage)
    elif kind == "loop" and _learners([stage]):
        said = _loop(walk, i, stage)
    else:
        said = _rows(walk, i)
    walk.named[name_of(stage)] = i
    return said


def _rows(walk: _Walk, i: int) -> str:
    if "" not in walk.lane_of:
        walk.lane_of[""] = walk.lane("Student" if walk.one_lane else "Rows")
    walk.lanes.append(walk.lane_of[""])
    if i and (walk.one_lane or walk.lanes[i - 1] == walk.lane_of[""]):
        walk.links.append(("rows", i - 1, i))
    walk.last[""] = i
    return ""


def _loop(walk: _Walk, i: int, stage: dict[str, Any]) -> str:
    """A loop in which somebody learns goes on with that learner, and stages after it go on from it."""
    inside = _learners([stage])
    learner = "student" if "student" in inside.values() else next(iter(inside.values()))
    before = walk.last.get(learner)
    lane = (
        walk.lane_of[learner]
        if before is not None
        else walk.lane("Student" if learner == "student" else learner.capitalize())
    )
    if before is not None:
        walk.links.append(("line", before, i))
    elif i and (walk.one_lane or "" in walk.last and walk.last[""] == i - 1):
        walk.links.append(("rows", i - 1, i))
    walk.lanes.append(lane)
    for name, who in inside.items():
        walk.lane_of[who], walk.last[who], walk.named[name] = lane, i, i
    return "a new adapter" if before is None else "goes on with the adapter as it is"


def _train(walk: _Walk, i: int, stage: dict[str, Any]) -> str:
    learner, start = text_of(stage, "learner", "student"), text_of(stage, "start", "previous")
    before = walk.last.get(learner)
    who = "Student" if learner == "student" else learner.capitalize()
    if start == "fresh":
        lane, parent, said = walk.lane(who if before is None else f"{who}, new adapter"), None, "a new adapter"
    elif start == "previous":
        lane, parent = walk.lane_of[learner] if learner in walk.lane_of else walk.lane(who), before
        said = _previous(walk, learner, before)
    else:
        parent = walk.named.get(start)
        goes_on = parent is not None and parent == before
        lane = walk.lane_of[learner] if goes_on else walk.lane(f"{who}, from {start}")
        known = f"goes on with {start}" if goes_on else f"branches off {start}"
        outside = walk.learnt is not None and walk.learnt.get(start) == learner
        strange = f"starts from {start}" if outside else f"starts from {start}, which is no earlier stage"
        said = known if parent is not None else strange
    if parent is not None:
        walk.links.append(("line", parent, i))
    elif i and (walk.one_lane or "" in walk.last and walk.last[""] == i - 1):
        walk.links.append(("rows", i - 1, i))
    for name in _teaching_stages(stage):
        if name in walk.named:
            walk.links.append(("teaches", walk.named[name], i))
            said += f", taught by {name}"
    walk.lane_of[learner], walk.last[learner] = lane, i
    walk.lanes.append(lane)
    return said if learner == "student" else f"{learner} learns; {said}"


def _previous(walk: _Walk, learner: str, before: int | None) -> str:
    if before is not None:
        return "goes on with the adapter as it is"
    if walk.learnt is None:
        return "a new adapter"
    return "goes on from round to round"


def _merge(walk: _Walk, i: int, stage: dict[str, Any]) -> str:
    listed = stage.get("parents")
    names = [n for n in listed if isinstance(n, str)] if isinstance(listed, list) else []
    places = [walk.named[n] for n in names if n in walk.named]
    lane = min((walk.lanes[p] for p in places), default=None)
    if lane is None:
        lane = walk.lane_of["student"] if "student" in walk.lane_of else walk.lane("Student")
    walk.links += [("line", p, i) for p in places]
    walk.lane_of["student"], walk.last["student"] = lane, i
    walk.lanes.append(lane)
    strange = [n for n in names if n not in walk.named and n != "base" and n not in (walk.learnt or {})]
    missing = f" ({', '.join(strange)}: no earlier stage)" if strange else ""
    return f"merges {', '.join(names)}{missing}" if names else "merges nothing yet"


def _teaching_stages(stage: Mapping[str, Any]) -> list[str]:
    teaching = stage.get("teaching")
    members = teaching.get("members") if isinstance(teaching, Mapping) else None
    return [
        text_of(m, "name") for m in (members if isinstance(members, list) else []) if text_of(m, "kind") == "adapter"
    ]


def _curve(i: int, a: int, j: int, b: int) -> str:
    """SVG path from the right edge of card i to the left edge of card j, in units of 0.1 rem."""
    x1, y1 = (i + 1) * WIDTH * 10, (a * HEIGHT + CARD / 2) * 10
    x2, y2 = (j * WIDTH + GAP) * 10, (b * HEIGHT + CARD / 2) * 10
    bend = GAP * 8
    return f"M{x1:.0f} {y1:.0f}C{x1 + bend:.0f} {y1:.0f} {x2 - bend:.0f} {y2:.0f} {x2:.0f} {y2:.0f}"
