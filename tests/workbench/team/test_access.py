"""Every address of pages and API, as a stranger and as a viewer ask for it: a new address is asked without being listed here."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, get_resolver

from jobs.samples.catalog import RECIPE
from tests.workbench import make_runs
from tests.workbench.review import desks
from workbench.api.urls import api
from workbench.datasets.models import PartialUpload, Upload
from workbench.endpoints import actions as endpoints
from workbench.endpoints.models import TeacherCall
from workbench.library.models import Model
from workbench.runs import blobs
from workbench.runs.models import Artifact, Kind, Run
from workbench.studio.models import Draft
from workbench.sweeps.models import Sweep
from workbench.team.models import ApiToken, Membership

CANARY = "canary-of-team-a"
KEY = "sk-canary-2e7d1c"
REFUSED = {401, 403, 404, 405, 415}
FORM = "application/x-www-form-urlencoded"
OUTSIDE = ("account/", "api/", "help/", "healthz")
# What a viewer may send: one's own profile and keys, the tour, and what only looks.
VIEWERS_OWN = {
    "team/profile/", "team/tokens/", "team/tokens/<uuid:token_id>/revoke/", "studio/tour/", "studio/advice/",
    "studio/<uuid:draft_id>/check-recipe/", "studio/<uuid:draft_id>/compare/", "studio/<uuid:draft_id>/prompts/",
}  # fmt: skip
VIEWERS_LOOK = {"plan", "recipes/diff", "advice", "sweeps/cost", "drafts/{draft_id}/check"}


@pytest.fixture
def world(team_a: Any, alice: Any, tmp_path: Path) -> dict[str, Any]:
    """Something of team A behind every name that an address may hold."""
    version = desks.stored(team_a, tmp_path, [(f"{CANARY} {n}?", "refund") for n in range(4)])
    review = desks.laid_out(version, alice)
    endpoint = endpoints.add(team_a, alice, "Asked", {"url": "https://api.example.org/v1", "model": CANARY}, {}, KEY)
    run = make_runs.succeeded(team_a, alice, title=CANARY, dataset_version=version)
    blob = blobs.put(json.dumps({"code": "copy", "question": CANARY}).encode() + b"\n")
    for name in ("write", "write-rejected"):
        Artifact.objects.create(run=run, name=f"outputs/{name}.jsonl", blob=blob, attempt=1, fence=1)
    TeacherCall.objects.create(team=team_a, asker="a", request="r", run=run, prompt=[], answer=CANARY, outcome="ok")
    fetch = make_runs.waiting(team_a, alice, Kind.FETCH_DATASET, CANARY, {"url": "https://example.org/a.csv"})
    upload = Upload.objects.create(
        team=team_a, created_by=alice, filename=CANARY, blob=blob, findings={"rows": [], "roles": {}, "problems": []}
    )
    parts = PartialUpload.objects.create(team=team_a, created_by=alice, filename=CANARY, size=9, head_sha256="a" * 64)
    ids = {
        "draft_id": Draft.objects.create(team=team_a, created_by=alice, fields=dict(RECIPE), title=CANARY).pk,
        "sweep_id": Sweep.objects.create(team=team_a, created_by=alice, title=CANARY, recipe=RECIPE, axes=[]).pk,
        "model_id": Model.objects.create(team=team_a, key=CANARY, title=CANARY, source="folder", sha256="b" * 64, facts={}).pk,
        "token_id": ApiToken.objects.create(team=team_a, user=alice, name=CANARY, sha256="c" * 64).pk,
        "membership_id": Membership.objects.get(user=alice).pk,
        "endpoint_id": endpoint.pk, "slug": endpoint.slug, "run_id": run.pk, "upload_id": upload.pk,
        "dataset_id": version.dataset_id, "version_id": version.pk, "number": 1, "review_id": review.pk, "rank": 1,
        "name": "write", "file": "write", "which": "refused", "template_id": "nothing", "system_id": "nothing",
    }  # fmt: skip
    return {"ids": ids, "fetch": fetch.pk, "parts": parts.pk}


def walk(patterns: Any, prefix: str = "") -> Iterator[str]:
    for one in patterns:
        route = prefix + str(one.pattern)
        yield from [route] if isinstance(one, URLPattern) else walk(one.url_patterns, route)


def pages() -> list[str]:
    return sorted({r for r in walk(get_resolver().url_patterns) if not r.startswith(OUTSIDE)})


def filled(route: str, world: dict[str, Any]) -> str:
    """The address of the world's own thing; KeyError for a name the world does not know yet."""
    ids = dict(world["ids"])
    if "fetch" in route:
        ids["run_id"] = world["fetch"]
    if "uploads/unfinished/" in route or "datasets/parts/" in route:
        ids["upload_id"] = world["parts"]
    out = "/" + route.lstrip("/")
    while "<" in out or "{" in out:
        head, _, rest = out.replace("{", "<").replace("}", ">").partition("<")
        name, _, tail = rest.partition(">")
        out = f"{head}{ids[name.rpartition(':')[2]]}{tail}"
    return out


def body(answer: Any) -> str:
    """What was answered; an answer in parts is never read here, it counts as given."""
    return "" if answer.streaming else answer.content.decode(errors="replace")


def signed(user: Any, role: str, client_of: Callable[[Any], Client]) -> Client:
    Membership.objects.filter(user=user).update(role=role)
    browser = client_of(user)
    browser.raise_request_exception = False
    return browser


def test_no_page_of_a_team_is_there_for_an_administrator_of_another(world: Any, client_of: Any, charlie: Any) -> None:
    browser, wrong = signed(charlie, "admin", client_of), []
    for route in pages():
        path = filled(route, world)
        for answer in (browser.get(path), browser.post(path, {})):
            open_ = "<" in route and answer.status_code not in REFUSED
            if open_ or CANARY in body(answer) or KEY in body(answer):
                wrong.append((route, answer.request["REQUEST_METHOD"], answer.status_code))
    assert not wrong


def test_a_viewer_changes_nothing_on_any_page(world: Any, client_of: Any, bob: Any) -> None:
    browser, wrong = signed(bob, "viewer", client_of), []
    for route in pages():
        before = _rows()
        answer = browser.post(filled(route, world), {})
        if _rows() != before or (route not in VIEWERS_OWN and answer.status_code not in REFUSED):
            wrong.append((route, answer.status_code))
    assert not wrong


def test_looking_at_any_page_gives_no_key_and_starts_no_work(world: Any, client_of: Any, bob: Any) -> None:
    browser, wrong = signed(bob, "viewer", client_of), []
    for route in pages():
        before = _rows()
        answer = browser.get(filled(route, world))
        if answer.status_code >= 500 or KEY in body(answer) or _rows() != before:
            wrong.append((route, answer.status_code, "wrote" if _rows() != before else ""))
    assert not wrong


def _rows() -> tuple[int, ...]:
    return tuple(m.objects.count() for m in (Run, Draft, Sweep, Model, Upload, PartialUpload, TeacherCall))


# ---- the API


@cache
def schema_of_the_api() -> dict[str, Any]:
    return dict(api.get_openapi_schema())


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    found = schema_of_the_api()["paths"]
    return [(path, verb.upper(), about) for path, verbs in found.items() for verb, about in verbs.items()]


def example(schema: dict[str, Any]) -> Any:
    """The smallest body that fits, so that an answer is about the role or the id and not about the body."""
    if ref := schema.get("$ref"):
        return example(schema_of_the_api()["components"]["schemas"][ref.rpartition("/")[2]])
    if several := schema.get("anyOf") or schema.get("allOf") or schema.get("oneOf"):
        return example(several[0])
    if "const" in schema or "enum" in schema:
        return schema.get("const", (schema.get("enum") or [None])[0])
    kind = schema.get("type", "object")
    if kind == "object":
        return {n: example(schema["properties"][n]) for n in schema.get("required", [])}
    if kind == "array":
        return [example(schema["items"])] * schema.get("minItems", 0)
    if kind == "string":
        words = {"uuid": str(uuid.UUID(int=1)), "date-time": "2026-01-01T00:00:00Z"}
        known = {"^endpoint/": "endpoint/x", "^[0-9a-f]": "0" * 64}
        fits = [text for start, text in known.items() if str(schema.get("pattern", "")).startswith(start)]
        return words.get(schema.get("format", "")) or (fits or ["x" * max(1, schema.get("minLength", 1))])[0]
    if kind in ("integer", "number"):
        return max(schema.get("minimum", 1), schema.get("exclusiveMinimum", 0) + 1)
    return kind == "boolean" or None


def ask(client: Client, path: str, verb: str, about: dict[str, Any]) -> Any:
    query = "&".join(
        f"{p['name']}={example(p['schema'])}" for p in about.get("parameters", []) if p["in"] == "query" and p.get("required")
    )  # fmt: skip
    content = (about.get("requestBody") or {}).get("content") or {}
    form = content.get("application/json")
    data: Any = json.dumps(example(form["schema"])) if form else b"x" if content else "{}"
    kind = "application/json" if form or not content else "application/octet-stream"
    return client.generic(verb, f"{path}?{query}", data, content_type=kind)


def token(user: Any, role: str) -> Client:
    Membership.objects.filter(user=user).update(role=role)
    text, team = ApiToken.new_text(), Membership.objects.get(user=user).team
    ApiToken.objects.create(team=team, user=user, name="t", sha256=ApiToken.digest(text))
    return Client(raise_request_exception=False, headers={"Authorization": f"Bearer {text}"})


def test_no_route_of_the_api_gives_a_team_s_things_to_another(world: Any, charlie: Any) -> None:
    client, wrong = token(charlie, "admin"), []
    for route, verb, about in operations():
        answer = ask(client, filled(route, world), verb, about)
        if CANARY in body(answer) or KEY in body(answer) or ("{" in route and answer.status_code not in REFUSED):
            wrong.append((verb, route, answer.status_code, body(answer)[:200]))
    assert not wrong


def test_a_viewer_changes_nothing_over_the_api(world: Any, bob: Any) -> None:
    client, wrong = token(bob, "viewer"), []
    for route, verb, about in operations():
        if verb == "GET" or route.removeprefix("/api/v1/") in VIEWERS_LOOK:
            continue
        answer = ask(client, filled(route, world), verb, about)
        if answer.status_code != 403:
            wrong.append((verb, route, answer.status_code, body(answer)[:200]))
    assert not wrong


def test_reading_the_api_gives_no_key(world: Any, bob: Any) -> None:
    client, wrong = token(bob, "admin"), []
    for route, verb, about in operations():
        if verb == "GET":
            answer = ask(client, filled(route, world), verb, about)
            if answer.status_code >= 500 or KEY in body(answer):
                wrong.append((verb, route, answer.status_code, body(answer)[:200]))
    assert not wrong


def test_every_route_of_the_api_is_described() -> None:
    for route, verb, about in operations():
        assert about.get("summary") and about["summary"] != about["operationId"], (
            f"{verb} {route} says nothing of itself"
        )
