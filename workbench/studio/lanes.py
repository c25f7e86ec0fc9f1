"""The stages of a recipe as cards in lanes: which adapter each goes on with, where a branch leaves and where a merge ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from jobs.distill.catalog import PARTS
from jobs.distill.catalog.tables import KINDS
from jobs.distill.plan.result import Problem
from jobs.distill.recipe import Generate, Loop, Merge, Prefer, Record, Review, Reward, Select, Train, Use, Verify, Write

from . import forms
from .differences import NAMES

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
    "loop",
)  # they stand beside the adapters' lanes
ICONS = {
    "train": "adjustments", "generate": "message", "record": "database", "select": "filter", "merge": "git-merge", "write": "pencil",
    "verify": "checkbox", "prefer": "arrows-sort", "reward": "star", "review": "eye", "use": "player-play", "loop": "refresh",
}  # fmt: skip
WORDS = {
    "train": "Train", "generate": "Generate", "record": "Record", "select": "Select", "merge": "Merge", "write": "Write", "verify": "Verify",
    "prefer": "Prefer", "reward": "Reward", "review": "Review", "use": "Answer", "loop": "Rounds",
}  # fmt: skip
ABOUT = {
    "write": "A model writes answers, reasons, programs or new questions, with a prompt of yours where wished.",
    "verify": "What was written is checked; what fails is listed with the reason.",
    "prefer": "Several answers to a question become pairs or rankings.",
    "use": "How the finished student answers: several adapters or paths together.",
    "reward": "A reward model learns from pairs which answer is better; checks, rules and policy gradients ask it.",
    "review": "The run waits until a person has looked at the rows.",
    "loop": "Stages again and again: ask, train, find what is wrong, ask for more of that.",
    "generate": "A teacher with weights writes answers for rows that have none.",
    "record": "A teacher's signals are written down once and reused.",
    "select": "Rows are chosen by a score; what is left out is listed.",
    "train": "One learner, one objective, one optimizer.",
    "merge": "Adapters of earlier stages become one.",
}
MODELS: dict[str, type[BaseModel]] = {
    "train": Train,
    "generate": Generate,
    "record": Record,
    "select": Select,
    "merge": Merge,
    "write": Write,
    "verify": Verify,
    "prefer": Prefer,
    "reward": Reward,
    "review": Review,
    "use": Use,
    "loop": Loop,
}
ROWS = {
    "all": "every row", "labelled": "rows with an answer", "unlabelled": "rows without an answer", "written": "written rows",
    "data": "the rows of the data", "questions": "each question once", "unsure": "rows the student is unsure of", "wrong": "rows the student gets wrong", "right": "rows the student gets right",
}  # fmt: skip
MOST_LANES = 9
# Geometry of the drawing behind the cards, in rem; the same numbers stand in board.css.
WIDTH, GAP, HEIGHT, CARD = 15.0, 2.5, 10.5, 9.5


@dataclass(frozen=True)
class Share:
    """One term of the objective: its share of the weights at the start."""

    title: str
    weight: str
    share: float
    tone: int


@dataclass(frozen=True)
class Card:
    """One stage. `parents` says in words what it goes on from; `facts` its data and what it does."""

    index: int
    kind: str
    name: str
    lane: int
    parents: str = ""
    facts: tuple[str, ...] = ()
    mix: tuple[Share, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def path(self) -> str:
        return f"stages.{self.index}"

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
    """cards in the order they run; titles of the lanes from top to bottom; paths of the drawing, as (kind, d)."""

    cards: tuple[Card, ...] = ()
    titles: tuple[str, ...] = ()
    links: tuple[tuple[str, str], ...] = ()

    @property
    def width(self) -> float:
        return WIDTH * len(self.cards) + GAP

    @property
    def height(self) -> float:
        return HEIGHT * max(1, len(self.titles))


@dataclass
class _Walk:
    """What is known while going through the stages: the lane and the last stage of each learner, stages by name."""

    one_lane: bool
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


def lanes(stages: Any, problems: list[Problem] | None = None) -> Lanes:
    """Whatever a draft holds under `stages`; what is no stage is left out of the drawing but keeps its place."""
    items = [s if isinstance(s, dict) else {} for s in stages] if isinstance(stages, list) else []
    walk = _Walk(one_lane=not _branches(items))
    said = [_place(walk, i, s) for i, s in enumerate(items)]
    cards = tuple(
        Card(
            i, _text(s, "kind"), name_of(s), walk.lanes[i], said[i], tuple(_facts(s)), _mix(s),
            tuple(p for p in problems or [] if (p.field or "").startswith(f"stages.{i}.") or p.field == f"stages.{i}"),
        )
        for i, s in enumerate(items)
    )  # fmt: skip
    drawn = tuple((kind, _curve(i, walk.lanes[i], j, walk.lanes[j])) for kind, i, j in walk.links)
    return Lanes(cards, tuple(walk.titles[:MOST_LANES]), drawn)


def name_of(stage: Mapping[str, Any]) -> str:
    """Its own name, or the one stages of its kind have."""
    return _text(stage, "name") or NAMES.get(_text(stage, "kind"), "stage")


def _text(data: Any, key: str, default: str = "") -> str:
    value = data.get(key) if isinstance(data, Mapping) else None
    return value if isinstance(value, str) else default


def _branches(stages: list[dict[str, Any]]) -> bool:
    """Whether the stages are more than one line of adapters."""
    trained = [s for s in stages if s.get("kind") == "train"]
    learners = {_text(s, "learner", "student") for s in trained}
    starts = [_text(s, "start", "previous") for s in trained[1:]]
    return len(learners) > 1 or any(s != "previous" for s in starts) or any(s.get("kind") == "merge" for s in stages)


def _place(walk: _Walk, i: int, stage: dict[str, Any]) -> str:
    """Puts the stage into its lane and returns what it goes on from, in words."""
    kind = _text(stage, "kind")
    if kind == "train":
        said = _train(walk, i, stage)
    elif kind == "merge":
        said = _merge(walk, i, stage)
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


def _train(walk: _Walk, i: int, stage: dict[str, Any]) -> str:
    learner, start = _text(stage, "learner", "student"), _text(stage, "start", "previous")
    before = walk.last.get(learner)
    who = "Student" if learner == "student" else learner.capitalize()
    if start == "fresh":
        lane, parent, said = walk.lane(who if before is None else f"{who}, new adapter"), None, "a new adapter"
    elif start == "previous":
        lane, parent = walk.lane_of[learner] if learner in walk.lane_of else walk.lane(who), before
        said = "a new adapter" if before is None else "goes on with the adapter as it is"
    else:
        parent = walk.named.get(start)
        goes_on = parent is not None and parent == before
        lane = walk.lane_of[learner] if goes_on else walk.lane(f"{who}, from {start}")
        known = f"goes on with {start}" if goes_on else f"branches off {start}"
        said = known if parent is not None else f"starts from {start}, which is no earlier stage"
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
    strange = [n for n in names if n not in walk.named and n != "base"]
    missing = f" ({', '.join(strange)}: no earlier stage)" if strange else ""
    return f"merges {', '.join(names)}{missing}" if names else "merges nothing yet"


def _teaching_stages(stage: Mapping[str, Any]) -> list[str]:
    teaching = stage.get("teaching")
    members = teaching.get("members") if isinstance(teaching, Mapping) else None
    return [_text(m, "name") for m in (members if isinstance(members, list) else []) if _text(m, "kind") == "adapter"]


def _curve(i: int, a: int, j: int, b: int) -> str:
    """SVG path from the right edge of card i to the left edge of card j, in units of 0.1 rem."""
    x1, y1 = (i + 1) * WIDTH * 10, (a * HEIGHT + CARD / 2) * 10
    x2, y2 = (j * WIDTH + GAP) * 10, (b * HEIGHT + CARD / 2) * 10
    bend = GAP * 8
    return f"M{x1:.0f} {y1:.0f}C{x1 + bend:.0f} {y1:.0f} {x2 - bend:.0f} {y2:.0f} {x2:.0f} {y2:.0f}"


def _facts(stage: Mapping[str, Any]) -> list[str]:
    """Its data and what it does, in a few words each."""
    kind = _text(stage, "kind")
    get = lambda name: stage.get(name, _default(kind, name))  # noqa: E731 - three letters, used eight times
    if kind == "generate":
        who = "" if get("teacher") == "teacher" else f" by {get('teacher')}"
        return [f"Answers {'rows without one' if get('rows') == 'unlabelled' else 'every row'}{who}"]
    if kind == "record":
        return [f"Top {get('top_k')} log-probabilities a token"]
    if kind == "select":
        part = KINDS["selection"].get(str(stage.get("method")))
        keep = get("keep")
        share = f"{100 * keep:.4g} %" if isinstance(keep, int | float) else str(keep)
        return [f"Keeps {share} by {part.title if part else stage.get('method') or 'a score to choose'}"]
    if kind == "merge":
        part = KINDS["merge"].get(str(get("method"))) if "merge" in KINDS else None
        return [f"{part.title if part else get('method')}"]
    if kind == "train":
        return _of_training(stage, get)
    return _of_rows(stage, kind, get)


def _of_rows(stage: Mapping[str, Any], kind: str, get: Any) -> list[str]:
    """A stage that makes, checks or prefers rows, a gate, or rounds."""
    if kind == "write":
        part = KINDS["writer"].get(str(stage.get("writer")))
        times = f" {get('candidates')} times" if get("candidates") != 1 else ""
        return [
            f"{part.title if part else 'Something to choose'} by {get('by')}{times}",
            f"From {ROWS.get(str(get('rows')), get('rows'))}",
        ]
    if kind == "verify":
        listed = stage.get("checks")
        parts = [KINDS["verifier"].get(_text(c, "type")) for c in (listed if isinstance(listed, list) else [])]
        return [", ".join(p.title for p in parts if p) or "No check yet"]
    if kind == "prefer":
        part = KINDS["preference-rule"].get(str(stage.get("rule")))
        return [part.title if part else "A rule to choose"]
    if kind == "use":
        part = KINDS["decoding"].get(str(stage.get("how")))
        return [part.title if part else "A way to choose"]
    if kind == "reward":
        return [f"A scalar head and an adapter on {get('learner')}", "Learns from the rows' pairs"]
    if kind == "review":
        share = get("share")
        return [
            f"A person looks at {100 * share:.4g} % of the rows"
            if isinstance(share, int | float)
            else "A person looks at the rows"
        ]
    if kind == "loop":
        listed = stage.get("stages")
        names = [name_of(s) for s in (listed if isinstance(listed, list) else []) if isinstance(s, dict)]
        return [f"{get('rounds')} rounds at most: {', '.join(names) or 'no stage yet'}"]
    return []


def _of_training(stage: Mapping[str, Any], get: Any) -> list[str]:
    source = _text(stage.get("source"), "kind", "fixed")
    rows = {"student": "Student's own answers", "mixed": "Data and the student's answers", "pairs": "Preference pairs"}
    data = rows.get(source, "All rows" if get("rows") == "all" else f"{str(get('rows')).capitalize()} rows")
    what = "steps" if stage.get("steps") else "epochs"
    number = stage.get(what)
    shown = f"{number:.6g}" if isinstance(number, int | float) else str(number or "?")
    length = f"{shown} {what.removesuffix('s') if shown == '1' else what}"
    return [f"{data}, {length}"]


def _default(kind: str, name: str) -> Any:
    field = MODELS[kind].model_fields.get(name) if kind in MODELS else None
    return field.default if field is not None else None


def _mix(stage: Mapping[str, Any]) -> tuple[Share, ...]:
    terms = stage.get("terms") if stage.get("kind") == "train" else None
    found = []
    for t in terms if isinstance(terms, list) else []:
        part = PARTS.get(str(t.get("type"))) if isinstance(t, dict) else None
        weight = t.get("weight", 1.0) if isinstance(t, dict) else None
        number = float(weight) if isinstance(weight, int | float) and not isinstance(weight, bool) else 0.0
        found.append((part.title if part else _text(t, "type") or "no type", number, bool(_text(t, "type"))))
    whole = sum(abs(w) for _, w, _ in found) or 1.0
    return tuple(Share(title, f"{w:.4g}", abs(w) / whole, i % 8) for i, (title, w, _) in enumerate(found))
