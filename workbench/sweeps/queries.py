"""What the pages of a sweep show: its state, its settings as a table, and the lines of the parallel coordinates."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q, QuerySet

from workbench.runs import words as say
from workbench.runs.models import ACTIVE, ENDED, Run, State
from workbench.runs.report import is_noise
from workbench.team.models import Team

from . import actions
from .models import Sweep, SweepRun
from .settings import title_of, words


@dataclass(frozen=True)
class Line:
    """One setting: its newest run, its place, and its points on the axes of the parallel coordinates."""

    index: int
    changes: dict[str, Any]
    place: int | None
    values: list[str]
    words: str
    run: Run
    rounds: int
    gap: float | None
    gap_text: str
    interval: str
    margin: dict[str, Any] | None
    margin_text: str
    noise: bool
    points: str
    tone: int
    going_on: bool


def sweeps(team: Team) -> QuerySet[Sweep]:
    """Newest first, with their runs and how many of them have ended."""
    ended = Count("members", filter=Q(members__run__state__in=ENDED))
    # a query that counts forgets the model's own order
    return Sweep.objects.filter(team=team).annotate(total=Count("members"), done=ended).order_by("-created_at")


def state(sweep: Sweep, members: list[SweepRun]) -> tuple[str, str]:
    """A state of runs, for its badge, and the sentence beside it."""
    ended = sum(m.run.state in ENDED for m in members)
    newest = max((m.round for m in members), default=0) + 1
    where = f"Round {newest} of {sweep.rounds}: " if sweep.keep else ""
    if sweep.stopped_at:
        return State.CANCELLED, f"Stopped by a person; {ended} of {len(members)} runs had ended."
    if sweep.ended_at:
        bad = sum(m.run.state != State.SUCCEEDED for m in members)
        return State.SUCCEEDED, sweep.note or f"{len(members)} runs" + (
            f", {bad} without a result." if bad else ", all finished."
        )
    live = any(m.run.state in ACTIVE for m in members)
    return (State.RUNNING if live else State.QUEUED), f"{where}{ended} of {len(members)} runs have ended."


def lines(sweep: Sweep, members: list[SweepRun]) -> list[Line]:
    """One line a setting, the best first: the furthest round, then gap closed. Running ones follow, failed ones come last."""
    newest: dict[int, SweepRun] = {}
    for m in sorted(members, key=lambda m: m.round):
        newest[m.index] = m
    gaps = {i: actions.gap(m.run) for i, m in newest.items()}
    order = sorted(newest.values(), key=lambda m: (gaps[m.index] is None, -m.round, -(gaps[m.index] or 0.0), m.index))
    scale = _scales(sweep, [g for g in gaps.values() if g is not None])
    last = max((m.round for m in members), default=0)
    out, place = [], 0
    for m in order:
        g = gaps[m.index]
        place += g is not None
        report = m.run.report or {}
        margin = report.get("student_minus_control")
        out.append(
            Line(
                m.index, m.changes, place if g is not None else None, [_text(m.changes.get(a["path"])) for a in sweep.axes], words(m.changes), m.run, m.round + 1, g,
                say.ratio(g) if g is not None else "", say.ratio_interval(report.get("gap_closed")) if g is not None else "", margin,
                _margin(margin, report.get("metric")),
                bool(margin) and is_noise(margin), _points(sweep, m, g, scale), _tone(g, scale["gap"]),
                m.round == last,
            )
        )  # fmt: skip
    return out


def _margin(margin: dict[str, Any] | None, metric: str | None) -> str:
    return f"{say.number(margin.get('value'), metric)} {say.interval(margin, metric)}".strip() if margin else ""


WIDTH, HEIGHT = 1000, 240


def axes(sweep: Sweep, found: list[Line]) -> list[dict[str, Any]]:
    """The upright lines of the chart: title, x, and ticks {y, text}; the last one is gap closed."""
    scale = _scales(sweep, [line.gap for line in found if line.gap is not None])
    count = len(sweep.axes) + 1
    out = []
    for i, axis in enumerate(sweep.axes):
        ticks = [{"y": _y(scale[axis["path"]], v), "text": _text(v)} for v in axis["values"]]
        out.append({"title": title_of(axis["path"]), "x": _x(i, count), "ticks": ticks})
    low, high = scale["gap"]
    ticks = [{"y": _at(low, low, high), "text": f"{low:.2f}"}, {"y": _at(high, low, high), "text": f"{high:.2f}"}]
    return [*out, {"title": "Gap closed", "x": _x(count - 1, count), "ticks": ticks}]


def _scales(sweep: Sweep, gaps: list[float]) -> dict[str, Any]:
    """Every value of a field has its own height, evenly spread: values are settings that were tried, not a measure."""
    out: dict[str, Any] = {a["path"]: [json.dumps(v) for v in _sorted(a["values"])] for a in sweep.axes}
    low, high = (min(gaps), max(gaps)) if gaps else (0.0, 1.0)
    out["gap"] = (low - 0.01, high + 0.01) if high - low < 0.02 else (low, high)
    return out


def _sorted(values: list[Any]) -> list[Any]:
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)
    return sorted(values) if numbers else values


def _x(i: int, count: int) -> int:
    return round(60 + i * (WIDTH - 120) / max(1, count - 1))


def _y(known: list[str], value: Any) -> int:
    at = known.index(json.dumps(value)) if json.dumps(value) in known else 0
    return round(HEIGHT - 20 - (at + 0.5) * (HEIGHT - 40) / max(1, len(known)))


def _at(value: float, low: float, high: float) -> int:
    return round(HEIGHT - 20 - (value - low) / (high - low) * (HEIGHT - 40))


def _points(sweep: Sweep, member: SweepRun, value: float | None, scale: dict[str, Any]) -> str:
    count = len(sweep.axes) + 1
    points = [(_x(i, count), _y(scale[a["path"]], member.changes.get(a["path"]))) for i, a in enumerate(sweep.axes)]
    if value is not None:
        points.append((_x(count - 1, count), _at(value, *scale["gap"])))
    return " ".join(f"{x},{y}" for x, y in points)


def _tone(value: float | None, scale: tuple[float, float]) -> int:
    """0 (worst) to 4 (best): how strong the line is drawn."""
    if value is None:
        return 0
    return min(4, int(5 * (value - scale[0]) / (scale[1] - scale[0])))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
