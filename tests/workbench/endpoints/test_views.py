"""Pages of endpoints: adding, keys, addresses that are not asked, other teams."""

import pytest
from django.db import connection
from django.urls import reverse

from workbench.endpoints import actions
from workbench.endpoints.models import Endpoint
from workbench.endpoints.presets import PRESETS
from workbench.runs.models import Kind, Run
from workbench.team.models import Membership

from .conftest import SECRET, SPEC

FORM = {
    "name": "My vLLM", "url": "https://api.example.org/v1", "style": "openai-chat", "model": "big-1", "secret": SECRET,
    "currency": "USD", "concurrency": "8", "logprobs": "0", "length_field": "max_tokens", "outputs": "unknown",
}  # fmt: skip


def test_it_adds_an_endpoint_and_tests_it(client_of, admin):
    answer = client_of(admin).post("/endpoints/add/", FORM)
    row = Endpoint.objects.get()
    assert answer.status_code == 302 and answer.url == reverse("endpoints:detail", args=[row.id])
    assert row.key == "endpoint/my-vllm" and actions.key_of(row) == SECRET
    test = Run.objects.get(kind=Kind.TEST_ENDPOINT)
    assert test.spec == {"endpoint": "endpoint/my-vllm"} and SECRET not in str(test.spec)


def test_it_never_gives_the_key_back(client_of, admin, endpoint):
    with connection.cursor() as cursor:
        cursor.execute("select row_to_json(e)::text from endpoints_endpoint e")
        assert SECRET not in cursor.fetchone()[0]
    for name in ("detail", "change"):
        page = client_of(admin).get(reverse(f"endpoints:{name}", args=[endpoint.id])).content.decode()
        assert SECRET not in page and endpoint.sealed not in page
    assert "A key is stored" in page
    refused = client_of(admin).post(
        reverse("endpoints:change", args=[endpoint.id]), {**FORM, "url": "ftp://x/", "secret": SECRET}
    )
    assert refused.status_code == 422 and SECRET not in refused.content.decode()


def test_a_key_is_kept_replaced_and_removed(client_of, admin, endpoint):
    address = reverse("endpoints:change", args=[endpoint.id])
    client_of(admin).post(address, {**FORM, "secret": ""})
    assert actions.key_of(Endpoint.objects.get()) == SECRET
    client_of(admin).post(address, {**FORM, "secret": "sk-another"})
    assert actions.key_of(Endpoint.objects.get()) == "sk-another"
    client_of(admin).post(reverse("endpoints:remove_key", args=[endpoint.id]))
    assert not Endpoint.objects.get().has_key


def test_a_key_does_not_follow_the_address_to_another_host(client_of, admin, endpoint):
    address = reverse("endpoints:change", args=[endpoint.id])
    page = client_of(admin).post(address, {**FORM, "url": "https://elsewhere.example.net/v1", "secret": ""})
    assert page.status_code == 422 and "was given for another host" in page.content.decode()
    assert Endpoint.objects.get().spec["url"] == SPEC["url"]


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://169.254.169.254/", "address is not allowed"),
        ("http://127.0.0.1:5432", "address is not allowed"),
        ("http://[::1]", "address is not allowed"),
        ("http://0.0.0.0", "address is not allowed"),
        ("http://127.1", "address is not allowed"),
        ("http://0x7f000001", "address is not allowed"),
        ("http://2130706433", "address is not allowed"),
        ("http://0177.0.0.1", "address is not allowed"),
        ("http://①②⑦.⓪.⓪.①", "address is not allowed"),
        ("http://localhost:8000", "address is not allowed"),
        ("http://[::ffff:169.254.169.254]", "address is not allowed"),
        ("http://[64:ff9b::a9fe:a9fe]", "address is not allowed"),
        ("http://[2002:7f00:1::]", "address is not allowed"),
        ("http://[fec0::1]", "address is not allowed"),
        ("http://224.0.0.1", "address is not allowed"),
        ("http://100.64.0.1", "address is not allowed"),
        ("http://a.com\\@127.0.0.1/", "not a plain URL"),
        ("http://a.com#@127.0.0.1/", "not a plain URL"),
        ("http://u:p@h/", "not a plain URL"),
        ("http://a b/", "not a plain URL"),
        ("http:///x", "not a plain URL"),
        ("http://a.com:99999/", "not a plain URL"),
        ("http://a.com%00.x/", "not a plain URL"),
        ("file:///etc/passwd", "not a plain URL"),
        ("gopher://x/", "not a plain URL"),
        ("javascript:alert(1)", "not a plain URL"),
        ("https://api.example.org/v1?key=abc", "holds no ?"),
    ],
)
def test_an_address_that_may_not_be_asked_is_refused_with_a_sentence(client_of, admin, url, says):
    page = client_of(admin).post("/endpoints/add/", {**FORM, "url": url})
    assert page.status_code == 422 and says in page.content.decode()
    assert not Endpoint.objects.exists() and not Run.objects.exists()


def test_the_administrators_list_opens_a_private_host(client_of, admin, settings):
    url = "http://127.0.0.1:11434/v1"
    assert client_of(admin).post("/endpoints/add/", {**FORM, "url": url}).status_code == 422
    settings.ALLOWED_PRIVATE_HOSTS = "127.0.0.1:11434"
    assert client_of(admin).post("/endpoints/add/", {**FORM, "url": url}).status_code == 302


@pytest.mark.parametrize("preset", PRESETS, ids=lambda p: p.id)
def test_each_preset_fills_a_form_that_can_be_sent(client_of, admin, preset, settings):
    page = client_of(admin).get(f"/endpoints/add/?preset={preset.id}")
    assert page.status_code == 200 and preset.title in page.content.decode()
    form = page.context["form"]
    values = {name: form[name].value() for name in form.fields}
    settings.ALLOWED_PRIVATE_HOSTS = "127.0.0.1"
    filled = {k: v for k, v in values.items() if v not in (None, "", False)} | {"model": "m"}
    filled = {"name": "Other", "url": "https://api.example.org", **filled}
    answer = client_of(admin).post("/endpoints/add/", filled)
    assert answer.status_code == 302, answer.context["form"].errors
    assert {k: Endpoint.objects.get().spec[k] for k in preset.fills if k != "name"} == {
        k: v for k, v in preset.fills.items() if k != "name"
    }


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"name": "日本"}, "at least one letter or digit"),
        ({"price_in": "-1"}, "greater than or equal to 0"),
        ({"concurrency": "100000"}, "less than or equal to 1024"),
        ({"logprobs": "21"}, "less than or equal to 20"),
        ({"currency": "dollars"}, "at most 3"),
        ({"monthly_price": "10"}, "needs prices"),
        ({"secret": "a b"}, "without spaces"),
        ({"extra": "messages=[]"}, "text, a number"),
        ({"extra": "model=x"}, "set by the workbench"),
        ({"extra": "nothing"}, "form name=value"),
    ],
)
def test_a_wrong_value_is_told_at_its_field(client_of, admin, change, says):
    page = client_of(admin).post("/endpoints/add/", FORM | change)
    assert page.status_code == 422 and says in page.content.decode()


def test_a_name_is_taken_once(client_of, admin, endpoint):
    page = client_of(admin).post("/endpoints/add/", {**FORM, "name": "big ONE"})
    assert page.status_code == 422 and "called endpoint/big-one already" in page.content.decode()


def test_another_team_sees_nothing(client_of, charlie, endpoint):
    Membership.objects.filter(user=charlie).update(role="admin")
    browser = client_of(charlie)
    assert "Big One" not in browser.get("/endpoints/").content.decode()
    assert browser.get(reverse("endpoints:detail", args=[endpoint.id])).status_code == 404
    for name in ("change", "test", "remove_key", "remove"):
        assert browser.post(reverse(f"endpoints:{name}", args=[endpoint.id]), FORM).status_code == 404
    assert Endpoint.objects.get().has_key


def test_members_test_and_administrators_change(client_of, bob, endpoint):
    browser = client_of(bob)
    assert browser.get("/endpoints/add/").status_code == 403
    for name in ("change", "remove_key", "remove"):
        assert browser.post(reverse(f"endpoints:{name}", args=[endpoint.id]), FORM).status_code == 403
    assert browser.post(reverse("endpoints:test", args=[endpoint.id])).status_code == 302
    assert Run.objects.filter(kind=Kind.TEST_ENDPOINT).count() == 1


def test_a_viewer_tests_nothing(client_of, bob, endpoint):
    Membership.objects.filter(user=bob).update(role="viewer")
    assert client_of(bob).get(reverse("endpoints:detail", args=[endpoint.id])).status_code == 200
    assert client_of(bob).post(reverse("endpoints:test", args=[endpoint.id])).status_code == 403
