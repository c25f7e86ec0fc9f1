"""Curves of a run, thinned in the database: at most POINTS numbers per curve reach the browser."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import connection

from jobs.distill.catalog import PARTS

from .models import Run

POINTS = 1000
BUCKETS = POINTS // 2  # a longer curve is cut into buckets; each sends its lowest and its highest value

TITLES = {
    "loss": ("Loss", "nats per token"),
    "grad_norm": ("Gradient norm", "before clipping"),
    "learning_rate": ("Learning rate", "per step"),
    "tokens_per_second": ("Speed", "supervised tokens per second"),
    "memory_bytes": ("Memory", "bytes"),
    "score": ("Held-out score", "share"),
    "watched": ("Watched slice", ""),
}
ORDER = list(TITLES)
SHOWN = {"memory_bytes": ("MiB", 2.0**-20)}  # people read MiB; the API gives bytes

# One row per bucket: where its lowest and highest value stand. A step repeated after a resume counts once, newest attempt.
SQL = """
with newest as (
  select distinct on (arm, name, step) arm, name, step, value
  from runs_metric where run_id = %s order by arm, name, step, attempt desc
), span as (
  select arm, name, min(step) as first, max(step) as last, count(*) as n from newest group by arm, name
), bucketed as (
  select m.arm, m.name, m.step, m.value, s.n,
    case when s.n <= %s then m.step
         else floor((m.step - s.first)::numeric * %s / (s.last - s.first + 1)) end as bucket
  from newest m join span s using (arm, name)
)
select arm, name, max(n),
  (array_agg(step order by value, step))[1], min(value), (array_agg(step order by value desc, step))[1], max(value)
from bucketed group by arm, name, bucket order by arm, name, bucket
"""


@dataclass
class Curve:
    """One curve: y[i] was really measured at step x[i]; `count` says how many were recorded before thinning."""

    arm: str
    name: str
    count: int
    x: list[int]
    y: list[float]

    @property
    def title(self) -> str:
        base, _, term = self.name.partition(".")
        title = TITLES.get(base, (base.replace("_", " ").capitalize(), ""))[0]
        part = PARTS.get(term)
        return f"{title}: {part.title if part else term.replace('_', ' ')}" if term else title

    @property
    def unit(self) -> str:
        return TITLES.get(self.name.partition(".")[0], ("", ""))[1]

    @property
    def shown_unit(self) -> str:
        return SHOWN.get(self.name, (self.unit, 1.0))[0]

    @property
    def shown(self) -> list[float]:
        """y in the unit that pages show."""
        scale = SHOWN.get(self.name, ("", 1.0))[1]
        return [v * scale for v in self.y] if scale != 1.0 else self.y


def curves(run: Run) -> list[Curve]:
    """Every curve of a run, in a fixed order: losses first, student before control. Non-finite values are left out."""
    found: dict[tuple[str, str], Curve] = {}
    with connection.cursor() as cursor:
        cursor.execute(SQL, [run.id, POINTS, BUCKETS])
        for arm, name, count, *ends in cursor.fetchall():
            curve = found.setdefault((arm, name), Curve(arm, name, count, [], []))
            for step, value in sorted({(ends[0], ends[1]), (ends[2], ends[3])}):
                if math.isfinite(value):
                    curve.x.append(step)
                    curve.y.append(value)
    return sorted((c for c in found.values() if c.x), key=_position)


def charts(found: list[Curve]) -> list[dict[str, str]]:
    """One chart per name; its curves are the arms."""
    return list({c.name: {"name": c.name, "title": c.title, "unit": c.shown_unit} for c in found}.values())


def figure(found: list[Curve], label: Callable[[Curve], str] = lambda c: c.arm.capitalize()) -> dict[str, Any]:
    """What static/js/charts.js draws: the curves over the union of their steps, null where one has no value."""
    x = sorted({step for c in found for step in c.x})
    series = []
    for c in found:
        at = dict(zip(c.x, c.shown, strict=True))
        series.append(
            {"label": label(c), "role": c.arm, "dash": c.arm == "control", "values": [at.get(step) for step in x]}
        )
    return {"x": x, "x_label": "step", "y_label": "", "series": series}


def _position(curve: Curve) -> tuple[int, str, bool]:
    base = curve.name.partition(".")[0]
    return (ORDER.index(base) if base in ORDER else len(ORDER), curve.name, curve.arm != "student")


def plain(value: float) -> str:
    """Four significant places without an exponent where a person reads it more easily."""
    if value == 0 or 1e-3 <= abs(value) < 1e5:
        return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"
    return f"{value:.2e}"


def table(found: list[Curve]) -> list[dict[str, str]]:
    """The same curves as numbers: first, lowest, highest and last value with their steps."""
    return [
        {
            "title": c.title,
            "arm": c.arm,
            "unit": c.shown_unit,
            "steps": f"{c.x[0]:,} to {c.x[-1]:,}",
            "count": f"{c.count:,}",
            "first": plain(c.shown[0]),
            "low": plain(min(c.shown)),
            "high": plain(max(c.shown)),
            "last": plain(c.shown[-1]),
        }
        for c in found
    ]


def sentence(found: list[Curve]) -> str:
    """The main curve in words, for those who cannot or do not want to look at it."""
    loss = next((c for c in found if c.name == "loss" and c.arm == "student"), None)
    if not loss:
        return ""
    first, last = loss.y[0], loss.y[-1]
    way = "fell" if last < first else "rose" if last > first else "stayed"
    return f"The student's loss {way} from {plain(first)} to {plain(last)} nats per token between step {loss.x[0]:,} and step {loss.x[-1]:,} ({loss.count:,} steps recorded)."
