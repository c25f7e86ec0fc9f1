"""Runs that ask endpoints: the panel, the list of calls, the spent budget, the dataset made of what is there; API and studio."""

from __future__ import annotations

import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from jobs import lease as leases
from workbench.datasets.models import Upload
from workbench.endpoints import actions, queries
from workbench.endpoints.models import Allowance, Endpoint, TeacherCall
from workbench.library.models import Model
from workbench.runs import actions as runs
from workbench.runs.models import Run, Slot
from workbench.studio import methods
from workbench.studio import queries as studio
from workbench.team.models import ApiToken, Membership

from .conftest import SECRET, SPEC

SPENT = {"code": "BUDGET_SPENT", "message": "The budget is spent: 1.0 of 1.0 USD are used.", "hint": "Raise it."}


@pytest.fixture
def run(team_a, alice, endpoint) -> Run:
    spec = {"teacher": {"model": endpoint.key, "budget": {"max_price": 1.0}}, "method": "seqkd"}
    return runs.start_run("distill", team_a, alice, "Asking run", spec)


def call(run: Run, endpoint: Endpoint, n: int, outcome: str = "ok", **more) -> TeacherCall:
    values = {
        "prompt": [{"role": "system", "content": "Be short."}, {"role": "user", "content": f"Question {n}?"}], "answer": f"Answer {n}.",
        "tokens_in": 10, "tokens_out": 5, "price": 0.25, "seconds": 0.5, "version": "big-1-0601", "attempt": 1,
    }  # fmt: skip
    return TeacherCall.objects.create(
        team=run.team,
        asker="a" * 64,
        request=f"{n:064x}",
        run=run,
        endpoint=endpoint,
        outcome=outcome,
        **(values | more),
    )


def stand(run: Run, error: dict) -> None:
    """As the worker leaves a run whose budget is spent: by the legal states."""
    slot = Slot.objects.create(host="here", name="gpu-0", queue="gpu")
    lease = leases.claim("gpu", slot.pk, "me")
    assert lease and lease.run_id == str(run.pk)
    leases.change(lease, "running", "claimed")
    leases.change(lease, "pausing", "running")
    leases.release(lease, "paused", error=error)
    run.refresh_from_db()


def text(answer) -> str:
    return answer.content.decode()


def test_the_run_page_counts_by_outcome_and_says_what_is_spent(client_of, alice, run, endpoint) -> None:
    call(run, endpoint, 1)
    call(run, endpoint, 2)
    call(run, endpoint, 3, "truncated", why="it reached 32 tokens")
    page = text(client_of(alice).get(reverse("runs:detail", args=[run.pk])))
    found = queries.panel(run)
    assert found and found.calls == 3 and found.kept_out == 1
    assert {name: n for name, _, n in found.outcomes} == {"ok": 2, "truncated": 1}
    assert "Teacher calls" in page and "0.75 USD" in page and "of at most" in page and "1.00 USD" in page


def test_a_run_without_endpoints_has_no_panel(client_of, alice, team_a) -> None:
    other = runs.start_run("distill", team_a, alice, "Plain", {"teacher": {"model": "sample/x"}})
    assert queries.panel(other) is None
    assert 'id="part-calls"></div>' in text(client_of(alice).get(reverse("runs:detail", args=[other.pk])))


def test_calls_can_be_filtered_searched_and_downloaded(client_of, alice, run, endpoint) -> None:
    call(run, endpoint, 1)
    call(run, endpoint, 2, "refused", answer="I cannot <script>", why="the teacher declined")
    browser, address = client_of(alice), reverse("endpoints:calls", args=[run.pk])
    page = text(browser.get(address))
    assert "Question 1?" in page and "Answer 1." in page and "the teacher declined" in page and "<script>" not in page
    only = text(browser.get(f"{address}?outcome=kept-out"))
    assert "Question 2?" in only and "Question 1?" not in only
    assert "Question 1?" not in text(browser.get(f"{address}?q=declinedX"))
    got = browser.get(reverse("endpoints:download", args=[run.pk]))
    lines = (
        [json.loads(x) for x in b"".join(got.streaming_content).decode().splitlines()]
        if not got.is_async
        else _lines(got)
    )
    assert [x["answer"] for x in lines] == ["Answer 1.", "I cannot <script>"] and lines[0]["endpoint"] == endpoint.key


def _lines(answer) -> list[dict]:
    from asgiref.sync import async_to_sync

    async def read() -> bytes:
        return b"".join([part async for part in answer.streaming_content])

    return [json.loads(line) for line in async_to_sync(read)().decode().splitlines()]


def test_strangers_see_no_call(client_of, charlie, run, endpoint) -> None:
    call(run, endpoint, 1)
    for name in ("calls", "download"):
        assert client_of(charlie).get(reverse(f"endpoints:{name}", args=[run.pk])).status_code == 404
    for name in ("raise_cap", "use"):
        assert client_of(charlie).post(reverse(f"endpoints:{name}", args=[run.pk])).status_code == 404


def test_a_spent_budget_can_be_raised_and_the_run_goes_on(client_of, alice, run, endpoint) -> None:
    call(run, endpoint, 1, price=1.0)
    stand(run, SPENT)
    browser, page = client_of(alice), reverse("runs:detail", args=[run.pk])
    assert "Budget spent: raise it and go on, or use what is there" in text(browser.get(page))
    form = {"endpoint": endpoint.key, "max_price": "0.5"}
    browser.post(reverse("endpoints:raise_cap", args=[run.pk]), form)
    run.refresh_from_db()
    assert run.state == "paused" and not Allowance.objects.exists()
    browser.post(reverse("endpoints:raise_cap", args=[run.pk]), {**form, "max_price": "4"})
    run.refresh_from_db()
    assert run.state == "queued" and run.error is None and run.spec["teacher"]["budget"] == {"max_price": 1.0}
    assert queries.budget_of(run, endpoint.key) == {"max_price": 4.0, "max_tokens": None}


def test_a_cap_is_raised_only_where_one_is_waited_for(client_of, alice, run, endpoint) -> None:
    browser = client_of(alice)
    browser.post(reverse("endpoints:raise_cap", args=[run.pk]), {"endpoint": endpoint.key, "max_price": "9"})
    assert not Allowance.objects.exists()
    stand(run, SPENT)
    browser.post(reverse("endpoints:raise_cap", args=[run.pk]), {"endpoint": "endpoint/other", "max_price": "9"})
    assert not Allowance.objects.exists()


def test_a_viewer_raises_nothing(client_of, alice, run, endpoint) -> None:
    stand(run, SPENT)
    Membership.objects.filter(user=alice).update(role="viewer")
    assert client_of(alice).post(reverse("endpoints:raise_cap", args=[run.pk])).status_code == 403
    assert "Raise and go on" not in text(client_of(alice).get(reverse("runs:detail", args=[run.pk])))


def test_what_is_there_becomes_a_dataset(client_of, alice, run, endpoint) -> None:
    for n in range(12):
        call(run, endpoint, n, "ok" if n % 3 else "empty", answer=f"Answer {n}." if n % 3 else "")
    stand(run, SPENT)
    answer = client_of(alice).post(reverse("endpoints:use", args=[run.pk]))
    upload = Upload.objects.get()
    assert answer.status_code == 302 and answer.url == reverse("datasets:confirm", args=[upload.pk])
    assert upload.origin["number"] == run.number and upload.findings["counts"]["rows"] == 8


def test_nothing_good_makes_no_dataset(client_of, alice, run, endpoint) -> None:
    call(run, endpoint, 1, "refused")
    client_of(alice).post(reverse("endpoints:use", args=[run.pk]))
    assert not Upload.objects.exists()


def test_removing_an_endpoint_keeps_its_calls(client_of, admin, run, endpoint) -> None:
    call(run, endpoint, 1)
    client_of(admin).post(reverse("endpoints:remove", args=[endpoint.id]))
    assert TeacherCall.objects.get().endpoint is None and not Endpoint.objects.exists()
    assert client_of(admin).get(reverse("endpoints:calls", args=[run.pk])).status_code == 200


def test_the_month_counts_all_runs(run, endpoint) -> None:
    call(run, endpoint, 1)
    call(run, endpoint, 2, at="2020-01-31T23:59:59Z")
    endpoint.monthly_price = 1.0
    assert queries.spent_this_month(endpoint).calls == 1
    assert queries.left_of_month(endpoint) == (0.75, None)
    assert [s.calls for _, s in queries.by_month(endpoint)] == [1, 1]


def test_the_list_asks_one_query_for_what_all_endpoints_spent(client_of, alice, run, endpoint) -> None:
    def queries_of(page: str) -> int:
        with CaptureQueriesContext(connection) as asked:
            assert page in text(client_of(alice).get(reverse("endpoints:list")))
        return len(asked)

    call(run, endpoint, 1)
    few = queries_of("0.25 USD")
    for name in ("Two", "Three", "Four"):
        actions.add(run.team, alice, name, dict(SPEC), {})
    assert queries_of("Four") == few


# -- API


@pytest.fixture
def api(alice, team_a, client):
    token = ApiToken.new_text()
    ApiToken.objects.create(team=team_a, user=alice, name="t", sha256=ApiToken.digest(token))

    def ask(method: str, path: str, body: dict | None = None):
        more = {"data": json.dumps(body), "content_type": "application/json"} if body is not None else {}
        return getattr(client, method)(f"/api/v1{path}", headers={"Authorization": f"Bearer {token}"}, **more)

    return ask


def test_the_api_adds_lists_and_removes_without_giving_the_key_back(api, admin) -> None:
    body = {"name": "My vLLM", "preset": "openai", "spec": {"model": "gpt"}, "secret": SECRET}
    made = api("post", "/endpoints", body)
    assert made.status_code == 201 and made.json()["key"] == "endpoint/my-vllm" and made.json()["has_key"]
    assert made.json()["spec"]["url"] == "https://api.openai.com/v1" and SECRET not in text(made)
    listed = api("get", "/endpoints")
    assert len(listed.json()) == 1 and SECRET not in text(listed) and "sealed" not in text(listed)
    assert api("post", "/endpoints/my-vllm/test", {}).status_code == 202
    assert api("delete", "/endpoints/my-vllm/key").status_code == 204 and not Endpoint.objects.get().has_key
    assert (
        api("delete", "/endpoints/my-vllm").status_code == 204 and api("get", "/endpoints/my-vllm").status_code == 404
    )


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"spec": {"url": "http://10.0.0.1/", "model": "m"}}, "ADDRESS_NOT_ALLOWED", "url"),
        ({"spec": {"url": "ftp://x/", "model": "m"}}, "URL_NOT_PLAIN", "url"),
        (
            {"spec": {"url": "https://a.example", "model": "m", "key_env": "SECRET_API_KEY"}},
            "ENDPOINT_INVALID",
            "key_env",
        ),
        ({"spec": {"url": "https://a.example", "model": "m", "budget": {}}}, "ENDPOINT_INVALID", "budget"),
        ({"spec": {"url": "https://a.example", "model": "m", "unknown": 1}}, "ENDPOINT_INVALID", "unknown"),
        ({"preset": "nobody"}, "INPUT_INVALID", "preset"),
        ({"secret": "two words"}, "ENDPOINT_INVALID", "secret"),
        ({"name": "two\nlines"}, "ENDPOINT_INVALID", "name"),
    ],
)
def test_the_api_refuses_with_the_field(api, admin, change, code, field) -> None:
    answer = api("post", "/endpoints", {"name": "X", "spec": {"url": "https://a.example", "model": "m"}} | change)
    assert answer.status_code == 422 and (answer.json()["code"], answer.json()["field"]) == (code, field)


def test_members_add_nothing_over_the_api(api, endpoint) -> None:
    assert api("post", "/endpoints", {"name": "X"}).status_code == 403
    assert api("delete", "/endpoints/big-one").status_code == 403


def test_the_api_counts_calls_and_raises_the_cap(api, run, endpoint) -> None:
    call(run, endpoint, 1)
    call(run, endpoint, 2, "empty")
    found = api("get", f"/runs/{run.pk}/calls").json()
    assert found["calls"] == 2 and found["outcomes"] == {"ok": 1, "empty": 1} and found["endpoints"][0]["price"] == 0.5
    assert api("post", f"/runs/{run.pk}/cap", {"endpoint": endpoint.key, "max_price": 3}).status_code == 422
    stand(run, SPENT)
    assert api("post", f"/runs/{run.pk}/cap", {"endpoint": endpoint.key, "max_price": 3}).json()["state"] == "queued"


# -- studio


@pytest.fixture
def student(db):
    from tests.workbench.library.test_views import FACTS

    return Model.objects.create(team=None, key="sample/s", title="S", source="sample", facts=FACTS)


def test_the_studio_offers_endpoints_and_greys_what_needs_weights(client_of, alice, team_a, endpoint, student) -> None:
    page = text(client_of(alice).get(f"/studio/?teacher={endpoint.key}&student=sample/s", follow=True))
    assert "Big One (text only)" in page and "A teacher behind an address" in page
    check = studio.check(team_a, {"teacher": {"model": endpoint.key}, "student": {"model": "sample/s"}})
    found = {c.system.id: c.why_not for c in methods.choices(check, None)}
    assert "behind an address and gives text only" in found["llm-neo"] and found["seqkd"] == "" == found["sft"]


def test_an_address_in_a_recipe_is_refused(team_a, endpoint, student) -> None:
    typed = {
        "model": "m",
        "endpoint": {"url": "https://evil.example", "model": "m", "key_env": "WB_ENDPOINT_X_API_KEY"},
    }
    check = studio.check(team_a, {"teacher": typed, "student": {"model": "sample/s"}, "method": "seqkd"})
    assert "ENDPOINT_IN_RECIPE" in [p.code for p in check.refusals]


def test_other_teams_endpoints_are_unknown_and_students_need_files(team_b, team_a, endpoint) -> None:
    check = studio.check(team_b, {"teacher": {"model": endpoint.key}})
    assert [p.code for p in check.found.problems] == ["MODEL_UNKNOWN"]
    check = studio.check(team_a, {"student": {"model": endpoint.key}})
    assert [p.code for p in check.found.problems] == ["STUDENT_IS_ENDPOINT"]


def test_the_facts_of_a_test_fill_what_was_not_stated(endpoint) -> None:
    endpoint.tested = {
        "context": 4096,
        "seconds": 0.5,
        "tokens_per_second": 40.0,
        "models": ["big-1"],
        "model": "big-1",
    }
    found = queries.facts(endpoint)
    assert (found.context, found.seconds, found.outputs, found.price_out) == (4096, 0.5, "yes", 1.5)
    assert actions.key_of(endpoint) == SECRET and SECRET not in found.model_dump_json()
