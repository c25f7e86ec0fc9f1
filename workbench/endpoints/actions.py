"""What people do to endpoints: add, change, test, remove; their keys and the caps of their runs."""

from __future__ import annotations

import json
import re
import tempfile
import uuid
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.text import slugify
from pydantic import ValidationError

from jobs.distill.asking.request import GOOD
from jobs.distill.errors import DataRefused, RecipeInvalid
from jobs.distill.net import addresses
from jobs.distill.recipe import endpoint as schema
from workbench.datasets.actions import take_upload
from workbench.datasets.models import Upload
from workbench.library import secrets
from workbench.runs.actions import resume, retry, start_run
from workbench.runs.models import Kind, Run, State
from workbench.team.models import Team, User

from . import queries
from .models import Allowance, Endpoint

PURPOSE = "endpoint-key"
# What printable ASCII a header takes; the longest keys of providers have some 200 characters.
KEY = re.compile(r"[\x21-\x7e]{1,500}")
NAME = re.compile(r"[^\x00-\x1f\x7f]{1,80}")
MOST = 200  # endpoints of a team


class EndpointRefused(RecipeInvalid):
    """What was given cannot be an endpoint; `field` says which part of it."""

    code = "ENDPOINT_INVALID"


def checked(spec: dict[str, Any]) -> dict[str, Any]:
    """The specification as it is stored. Raises AddressRefused for an address that may not be asked, else EndpointRefused.

    The address is judged here as far as that is possible without asking anybody; the engine judges every number the
    name has, and connects to the number it judged.
    """
    if mine := sorted({"key_env", "budget"} & set(spec)):
        raise EndpointRefused(f"{mine[0]} is set by the workbench.", field=mine[0], hint="Leave it out.")
    addresses.read(str(spec.get("url", "")), addresses.read_allowed(settings.ALLOWED_PRIVATE_HOSTS))
    try:
        found = schema.Endpoint.model_validate(spec)
    except ValidationError as e:
        first = e.errors()[0]
        field = ".".join(str(p) for p in first["loc"]) or None
        message = str(first["msg"]).removeprefix("Value error, ")
        raise EndpointRefused(f"{field or 'endpoint'}: {message}.", field=field) from None
    return found.model_dump(mode="json", exclude={"key_env", "budget"})


def slug_of(name: str) -> str:
    """my-vllm of "My vLLM"; raises EndpointRefused when nothing is left that a recipe could say."""
    if not NAME.fullmatch(name):
        raise EndpointRefused("A name is 1 to 80 characters without line breaks.", field="name")
    slug = slugify(name)[:80]
    if not slug:
        raise EndpointRefused(
            "The name needs at least one letter or digit of the Latin alphabet: recipes are written with it.",
            field="name",
            hint="For example vLLM or GPT-4o.",
        )
    return slug


def add(team: Team, user: User, name: str, spec: dict[str, Any], more: dict[str, Any], secret: str = "") -> Endpoint:
    """A new endpoint. Raises EndpointRefused or AddressRefused; nothing is asked yet."""
    if Endpoint.objects.filter(team=team).count() >= MOST:
        raise EndpointRefused(f"Your team has {MOST} endpoints, the most there can be.", hint="Remove one first.")
    row = Endpoint(team=team, created_by=user, name=name, slug=slug_of(name), spec=checked(spec), **_caps(spec, more))
    _seal(row, secret)
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        raise EndpointRefused(
            f"Your team has an endpoint called {row.key} already.", field="name", hint="Take another name."
        ) from None
    return row


def change(row: Endpoint, spec: dict[str, Any], more: dict[str, Any], secret: str = "") -> Endpoint:
    """Another specification under the same name. A key goes with its address: at another host it must be given anew.

    What an endpoint answered is kept with its address and model, so answers of another model are never taken for its own.
    """
    new = checked(spec)
    if row.has_key and not secret and _host(new["url"]) != _host(row.spec["url"]):
        raise EndpointRefused(
            "The stored key was given for another host, so it is not sent to this one.",
            field="secret",
            hint="Enter the key for the new address, or remove the stored one first.",
        )
    if new != row.spec:
        row.tested, row.tested_at = None, None
    row.spec = new
    for name, value in _caps(spec, more).items():
        setattr(row, name, value)
    _seal(row, secret)
    row.save()
    return row


def remove_key(row: Endpoint) -> None:
    row.sealed, row.key_set_at = "", None
    row.save(update_fields=["sealed", "key_set_at", "changed_at"])


def remove(row: Endpoint) -> None:
    """The endpoint and its key; what it answered stays with the team and its runs."""
    row.delete()


def test(row: Endpoint, user: User | None, idem_key: uuid.UUID | None = None) -> Run:
    """Starts the work that asks the endpoint: models, context, log-probabilities, speed, price."""
    return start_run(Kind.TEST_ENDPOINT, row.team, user, f"Test {row.name}", {"endpoint": row.key}, idem_key=idem_key)


def key_of(row: Endpoint) -> str:
    """For workers only: the key, or empty. Raises ValueError when SECRET_KEY has changed."""
    return secrets.unseal(row.sealed, PURPOSE) if row.sealed else ""


def raise_cap(run: Run, user: User, endpoint: str, price: float | None, tokens: int | None) -> Allowance:
    """A new cap for one endpoint of a run, beside its frozen recipe; it holds from the next attempt on."""
    if price is None and tokens is None:
        raise EndpointRefused("Give a cap of money, of tokens, or both.", field="max_price")
    if (price is not None and not 0 < price <= 1e9) or (tokens is not None and not 0 < tokens <= 10**13):
        raise EndpointRefused("A cap is more than 0.", field="max_price")
    made, _ = Allowance.objects.update_or_create(
        run=run, endpoint=endpoint, defaults={"max_price": price, "max_tokens": tokens, "set_by": user}
    )
    return made


def raise_and_go_on(run: Run, user: User, endpoint: str, price: float | None, tokens: int | None) -> Run:
    """The new cap, and the run back in the queue where it stood. Raises EndpointRefused for a run that waits for none."""
    lines = {line.key: line for line in queries.spent_out(run)}
    if endpoint not in lines:
        raise EndpointRefused(
            f"Run {run.number} does not wait for a higher cap of {endpoint}.",
            hint="Reload the page to see where it stands.",
        )
    used = lines[endpoint].spent
    if (price is not None and price <= used.price) or (tokens is not None and tokens <= used.tokens):
        raise EndpointRefused(
            f"The new cap is not above what is spent: {lines[endpoint].price} and {used.tokens:,} tokens.",
            field="max_price",
            hint="Give a higher cap; it counts from the run's beginning.",
        )
    with transaction.atomic():
        raise_cap(run, user, endpoint, price, tokens)
        return resume(run) if run.state == State.PAUSED else retry(run)


def as_upload(run: Run, user: User) -> Upload:
    """The good answers of a run so far, as a file to confirm and import: one conversation a line. Raises DataRefused."""
    good = queries.calls_of(run, GOOD)
    if not good.exists():
        raise DataRefused("This run has no good answer yet.", hint="Look at its teacher calls for the reasons.")
    origin = {"kind": "run", "run": str(run.pk), "number": run.number, "title": run.title, "who": "calls"}
    origin |= {"words": "Good answers of the teacher's calls"}
    if run.dataset_version_id:
        origin["version"] = str(run.dataset_version_id)
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="utf-8") as file:
        for call in good.order_by("id").only("prompt", "answer", "version").iterator(chunk_size=500):
            messages = [*call.prompt, {"role": "assistant", "content": call.answer}]
            file.write(json.dumps({"messages": messages, "written_by": call.version}, ensure_ascii=False) + "\n")
        file.flush()
        name = f"run-{run.number}-teacher-calls.jsonl"
        return take_upload(run.team, user, Path(file.name), name, origin=origin)


def _caps(spec: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {n: more[n] for n in ("monthly_price", "monthly_tokens", "outputs", "licence") if n in more}
    if kept.get("monthly_price") is not None and not (spec.get("price_in") or spec.get("price_out")):
        raise EndpointRefused(
            "A cap on money needs prices: without them nothing is counted.",
            field="monthly_price",
            hint="Set the price read and the price written, or cap the tokens.",
        )
    return kept


def _seal(row: Endpoint, secret: str) -> None:
    if secret and not KEY.fullmatch(secret):
        raise EndpointRefused("A key is 1 to 500 characters without spaces or line breaks.", field="secret")
    if secret:
        row.sealed, row.key_set_at = secrets.seal(secret, PURPOSE), timezone.now()


def _host(url: str) -> tuple[str, str, int]:
    address = addresses.parse(url)
    return address.scheme, address.host, address.port
