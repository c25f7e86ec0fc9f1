"""What pages, API and plan read of endpoints and of the ledger; everything scoped to one team."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, Q, QuerySet, Sum
from django.db.models.functions import TruncMonth
from django.http import Http404
from django.utils import timezone

from jobs.distill.asking.request import GOOD, OUTCOMES
from jobs.distill.plan.facts import EndpointFacts
from jobs.distill.recipe.endpoint import LIBRARY
from workbench.runs.models import Kind, Run, State
from workbench.team.models import Team

from .models import Allowance, Endpoint, TeacherCall

PAGE_SIZE = 50
MONTHS = 12


def endpoints(team: Team) -> QuerySet[Endpoint]:
    return Endpoint.objects.filter(team=team)


def endpoint_or_404(team: Team | None, endpoint_id: UUID) -> Endpoint:
    found = endpoints(team).filter(pk=endpoint_id).first() if team else None
    if found is None:
        raise Http404("There is no such endpoint.")
    return found


def by_key(team: Team, key: str) -> Endpoint | None:
    """The endpoint that a recipe calls endpoint/SLUG."""
    return endpoints(team).filter(slug=key.removeprefix(LIBRARY)).first() if key.startswith(LIBRARY) else None


def kinds_of_answers(row: Endpoint) -> str:
    """What methods may ask of it, in words."""
    return f"text and {row.logprobs} log-probabilities a token" if row.logprobs else "text only"


def money(value: float | None, currency: str) -> str:
    """0.0042 USD, 1.37 USD; small sums keep three figures."""
    if value is None:
        return "–"
    digits = f"{value:,.2f}" if abs(value) >= 0.1 or value == 0 else f"{value:.3g}"
    return f"{digits} {currency}"


def last_test(row: Endpoint) -> Run | None:
    """The newest test of this endpoint."""
    tests = Run.objects.filter(team=row.team, kind=Kind.TEST_ENDPOINT, spec__endpoint=row.key)
    return tests.exclude(state=State.CANCELLED).order_by("-created_at").first()


# -- what was spent


@dataclass(frozen=True)
class Spent:
    calls: int = 0
    tokens: int = 0
    price: float = 0.0


def month_start(now: datetime | None = None) -> datetime:
    return (now or timezone.now()).astimezone(timezone.get_default_timezone()).replace(
        day=1, hour=0, minute=0, second=0, microsecond=0
    )  # fmt: skip


SUMS = {"n": Count("id"), "read": Sum("tokens_in"), "written": Sum("tokens_out"), "price": Sum("price")}


def _spent(sums: Mapping[str, Any]) -> Spent:
    return Spent(sums["n"], (sums["read"] or 0) + (sums["written"] or 0), sums["price"] or 0.0)


def spent(calls: QuerySet[TeacherCall]) -> Spent:
    return _spent(calls.aggregate(**SUMS))


def spent_this_month(row: Endpoint) -> Spent:
    return spent(TeacherCall.objects.filter(endpoint=row, at__gte=month_start()))


def spent_by_endpoint(team: Team) -> dict[UUID, Spent]:
    """What each of the team's endpoints spent this month, in one query; those that were not asked are left out."""
    calls = TeacherCall.objects.filter(endpoint__team=team, at__gte=month_start())
    return {m["endpoint"]: _spent(m) for m in calls.values("endpoint").annotate(**SUMS).order_by()}


def by_month(row: Endpoint) -> list[tuple[datetime, Spent]]:
    """The last months with a call, the newest first."""
    found = (
        TeacherCall.objects.filter(endpoint=row)
        .annotate(month=TruncMonth("at"))
        .values("month")
        .annotate(**SUMS)
        .order_by("-month")[:MONTHS]
    )
    return [(m["month"], _spent(m)) for m in found]


def left_of_month(row: Endpoint) -> tuple[float | None, int | None]:
    """Money and tokens the team may still spend this month; None: no cap. Never below 0."""
    used = spent_this_month(row)
    price = None if row.monthly_price is None else max(0.0, row.monthly_price - used.price)
    tokens = None if row.monthly_tokens is None else max(0, row.monthly_tokens - used.tokens)
    return price, tokens


# -- the calls of a run


@dataclass(frozen=True)
class Line:
    """One endpoint in one run: what was spent, and what may be."""

    key: str
    endpoint: Endpoint | None
    spent: Spent
    price: str
    cap: str
    max_price: float | None = None
    max_tokens: int | None = None


@dataclass(frozen=True)
class Panel:
    """What the run page says about its teacher calls."""

    outcomes: list[tuple[str, str, int]]  # (id, in words, how many)
    calls: int
    kept_out: int
    lines: list[Line]
    rate: float | None  # calls a minute
    seconds: float | None  # of a call, on average


def panel(run: Run) -> Panel | None:
    """None for a run that asks no endpoint and has asked none."""
    calls = TeacherCall.objects.filter(run=run)
    keys = endpoint_keys(run)
    counts = dict(calls.values_list("outcome").annotate(n=Count("id")).order_by())
    total = sum(counts.values())
    if not keys and not total:
        return None
    known = [(name, words, counts.pop(name, 0)) for name, words in OUTCOMES.items()]
    listed = [one for one in known if one[2] or one[0] == GOOD]
    listed += [(name, name, n) for name, n in counts.items()]
    kept_out = sum(n for name, _, n in listed if name != GOOD)
    times = calls.aggregate(seconds=Sum("seconds"))["seconds"]
    return Panel(listed, total, kept_out, _lines(run, keys, calls), _rate(calls), times / total if total else None)


def spent_out(run: Run) -> list[Line]:
    """The endpoints of a run that stands still because its budget is spent; empty for every other run."""
    stands = run.state in (State.PAUSED, State.FAILED) and (run.error or {}).get("code") == "BUDGET_SPENT"
    return _lines(run, endpoint_keys(run), TeacherCall.objects.filter(run=run)) if stands else []


def endpoint_names(run: Run) -> list[str]:
    """endpoint/SLUG once for each of the recipe's models that is one."""
    if run.kind not in (Kind.DISTILL, Kind.DRY_RUN):
        return []
    refs = [run.spec.get("teacher"), *(run.spec.get("teachers") or [])]
    named = [str(ref.get("model", "")) for ref in refs if isinstance(ref, dict)]
    return [n for n in named if n.startswith(LIBRARY)]


def endpoint_keys(run: Run) -> list[str]:
    """endpoint/SLUG of every endpoint that the recipe of a run names, each once."""
    return list(dict.fromkeys(endpoint_names(run)))


def budget_of(run: Run, key: str) -> dict[str, Any]:
    """{max_price, max_tokens} for one endpoint of a run: what a person raised it to, else what the recipe says."""
    if raised := Allowance.objects.filter(run=run, endpoint=key).first():
        return {"max_price": raised.max_price, "max_tokens": raised.max_tokens}
    refs = [run.spec.get("teacher"), *(run.spec.get("teachers") or [])]
    mine = next((r for r in refs if isinstance(r, dict) and r.get("model") == key), {})
    budget = mine.get("budget") or {}
    return {name: budget.get(name) for name in ("max_price", "max_tokens")}


def _lines(run: Run, keys: list[str], calls: QuerySet[TeacherCall]) -> list[Line]:
    out = []
    for key in keys:
        row = by_key(run.team, key)
        used = spent(calls.filter(endpoint=row)) if row else Spent()
        currency, cap = str(row.spec["currency"]) if row else "", budget_of(run, key)
        caps = [money(cap["max_price"], currency)] if cap["max_price"] is not None else []
        caps += [f"{cap['max_tokens']:,} tokens"] if cap["max_tokens"] is not None else []
        out.append(Line(key, row, used, money(used.price, currency), " or ".join(caps), **cap))
    return out


def _rate(calls: QuerySet[TeacherCall]) -> float | None:
    """Calls a minute over the newest of them."""
    newest = list(calls.order_by("-id").values_list("at", flat=True)[:200])
    if len(newest) < 2:
        return None
    span = (max(newest) - min(newest)).total_seconds()
    return 60 * (len(newest) - 1) / span if span > 0 else None


def calls_of(run: Run, outcome: str = "", q: str = "") -> QuerySet[TeacherCall]:
    """The calls a run made, the newest first; those of an earlier run whose answers it used are listed with that run."""
    found = TeacherCall.objects.filter(run=run).order_by("-id")
    if outcome == "kept-out":
        found = found.exclude(outcome=GOOD)
    elif outcome:
        found = found.filter(outcome=outcome)
    return found.filter(Q(answer__icontains=q) | Q(prompt__icontains=q)) if q else found


def as_lines(calls: QuerySet[TeacherCall]) -> Iterator[bytes]:
    """For the download: one object of JSON a call, oldest first."""
    names = ("prompt", "answer", "outcome", "why", "finish", "tokens_in", "tokens_out", "price", "seconds", "version")
    for call in calls.order_by("id").select_related("endpoint").iterator(chunk_size=500):
        where = call.endpoint.key if call.endpoint else None
        line = {"request": call.request, "endpoint": where, "attempt": call.attempt, "at": call.at.isoformat()}
        yield (json.dumps(line | {n: getattr(call, n) for n in names}, ensure_ascii=False) + "\n").encode()


# -- for the plan


def facts(row: Endpoint) -> EndpointFacts:
    """What the plan compiler must know; where the team stated nothing, what the last test found."""
    spec, found = row.spec, row.tested or {}
    named = (
        "model",
        "logprobs",
        "concurrency",
        "requests_per_minute",
        "tokens_per_minute",
        "price_in",
        "price_out",
        "currency",
    )
    return EndpointFacts(
        key=row.key,
        title=row.name,
        context=spec.get("context") or found.get("context"),
        outputs=row.outputs,
        licence=row.licence or None,
        seconds=found.get("seconds"),
        tokens_per_second=found.get("tokens_per_second"),
        **{name: spec[name] for name in named if spec.get(name) is not None},
    )
