"""Teachers behind an address: what an attempt's folder and its engine's environment hold of them. Keys are never in files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from pydantic import ValidationError

from jobs.distill.asking.ledger import ENVIRONMENT, WRITER
from jobs.distill.errors import ModelRejected, RecipeInvalid
from jobs.distill.recipe import ModelRef
from jobs.distill.recipe import endpoint as schema
from jobs.distill.recipe.endpoint import LIBRARY
from workbench.endpoints import queries
from workbench.endpoints.actions import key_of
from workbench.endpoints.models import Endpoint, TeacherCall
from workbench.runs.models import Kind, Run

from . import ledger
from .lease import Lease

ASKING = (Kind.DISTILL, Kind.DRY_RUN, Kind.TEST_ENDPOINT)
HOSTS = "ALLOWED_PRIVATE_HOSTS"


def is_endpoint(ref: ModelRef) -> bool:
    return ref.endpoint is not None or ref.model.startswith(LIBRARY)


def described(run: Run, ref: ModelRef) -> dict[str, Any]:
    """The entry of models.json. Raises RecipeInvalid for an address in the recipe, ModelRejected for an unknown name."""
    if ref.endpoint is not None:
        raise RecipeInvalid(
            "A recipe of the workbench names an endpoint of the library, never an address.",
            field="teacher.endpoint",
            hint="Add the endpoint under Models and write endpoint/NAME as the model.",
        )
    return {"key": ref.model, "endpoint": specification(run, _row(run, ref.model))}


def _row(run: Run, key: str) -> Endpoint:
    row = queries.by_key(run.team, key)
    if row is None:
        raise ModelRejected(
            f"Your team has no endpoint called {key}.",
            field="model",
            hint="Add it under Models, Teacher endpoints, then try again.",
        )
    return row


def specification(run: Run, row: Endpoint) -> dict[str, Any]:
    """What the engine reads: the endpoint as it is now, where its key stands, and what the run may spend. Raises RecipeInvalid."""
    spec = row.spec | {"key_env": variable(row) if row.has_key else None, "budget": budget(run, row)}
    try:
        return schema.Endpoint.model_validate(spec).model_dump(mode="json")
    except ValidationError as e:
        words = str(e.errors()[0]["msg"]).removeprefix("Value error, ")
        raise RecipeInvalid(f"{row.key}: {words}.", field="teacher.budget") from None


def variable(row: Endpoint) -> str:
    """Name of the environment variable that holds the endpoint's key."""
    return f"WB_ENDPOINT_{row.pk.hex.upper()}_API_KEY"


def budget(run: Run, row: Endpoint) -> dict[str, Any]:
    """Caps for this attempt: the run's and what is left of the month's; the smaller counts.

    The engine counts what the run's attempts on this machine spent, by their journals; what attempts on other machines
    spent is taken off here. Where a recipe names one endpoint several times, each name gets its part.
    """
    calls = TeacherCall.objects.filter(run=run, endpoint=row)
    here = _attempts_here(run)
    elsewhere, mine = queries.spent(calls.exclude(attempt__in=here)), queries.spent(calls.filter(attempt__in=here))
    cap, (price, tokens) = queries.budget_of(run, row.key), queries.left_of_month(row)
    names = max(1, queries.endpoint_names(run).count(row.key))
    prices = [cap["max_price"] - elsewhere.price] if cap["max_price"] is not None else []
    counts = [cap["max_tokens"] - elsewhere.tokens] if cap["max_tokens"] is not None else []
    prices += [price + mine.price] if price is not None else []
    counts += [tokens + mine.tokens] if tokens is not None else []
    return {
        "max_price": max(0.0, min(prices)) / names if prices else None,
        "max_tokens": max(1, min(counts) // names) if counts else None,
    }


def _attempts_here(run: Run) -> list[int]:
    """Attempts whose journals of spending lie on this machine."""
    found = (Path(settings.RUNS_DIR) / str(run.pk)).glob("a*-*/spending")
    return [int(p.parent.name[1:].partition("-")[0]) for p in found]


def test_inputs(run: Run, folder: Path) -> None:
    """params.json of the verb test_endpoint."""
    row = _row(run, str(run.spec.get("endpoint")))
    (folder / "params.json").write_text(
        json.dumps({"key": row.key, "endpoint": specification(run, row)}, indent=1, ensure_ascii=False),
        encoding="utf-8",
    )


def rows_of(run: Run) -> list[Endpoint]:
    """The endpoints that a run may ask."""
    keys = [str(run.spec.get("endpoint"))] if run.kind == Kind.TEST_ENDPOINT else queries.endpoint_keys(run)
    return [row for key in keys if (row := queries.by_key(run.team, key))]


def keys(run: Run) -> dict[str, str]:
    """For the child's environment alone: one variable an endpoint. A key that cannot be read is left out, and the
    endpoint's own refusal says that it is missing."""
    out = {}
    for row in rows_of(run):
        try:
            if key := key_of(row):
                out[variable(row)] = key
        except ValueError:
            continue
    return out


def surroundings(lease: Lease, run: Run) -> dict[str, str]:
    """Where replies are kept and found, whose they are, and which private hosts the administrator allows."""
    if run.kind not in ASKING:
        return {}
    folder = ledger.place(run.team_id)
    folder.mkdir(parents=True, exist_ok=True)
    return {ENVIRONMENT: str(folder), WRITER: ledger.writer(lease), HOSTS: settings.ALLOWED_PRIVATE_HOSTS}


def calls(lease: Lease) -> ledger.Calls | None:
    """What brings an attempt's calls to the database; None for work that asks no endpoint of the library.

    Before, what other machines have learnt of these endpoints is written back into this machine's ledger.
    """
    if lease.kind not in (Kind.DISTILL, Kind.DRY_RUN):
        return None
    run = Run.objects.select_related("team").get(pk=lease.run_id)
    askers = {schema.Endpoint.model_validate(row.spec).key: row.pk for row in rows_of(run)}
    if not askers:
        return None
    ledger.write_back(run.team_id, askers)
    return ledger.Calls(lease, run.team_id, askers)
