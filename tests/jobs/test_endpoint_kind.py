"""The test of an endpoint through the whole spine: button, row, worker, the real engine, a real server, the page."""

from __future__ import annotations

import shutil

import pytest
from django.urls import reverse

from tests.jobs.distill import scripted
from workbench.endpoints import actions, words
from workbench.endpoints.models import Endpoint

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def there(settings):
    with scripted.teacher(
        lambda messages: "ready and willing, one two three four five six seven eight nine ten"
    ) as found:
        settings.ALLOWED_PRIVATE_HOSTS = "127.0.0.1"
        yield found


@pytest.mark.slow
def test_what_the_engine_finds_stands_on_the_page(team_a, alice, client_of, there, worker, reaches) -> None:
    spec = {"url": there.url, "model": "small-1", "price_in": 1.0, "price_out": 2.0}
    row = actions.add(team_a, alice, "Here", spec, {}, "sk-canary-3141")
    worker("cpu", ALLOWED_PRIVATE_HOSTS="127.0.0.1")
    run = actions.test(row, alice)
    reaches(run, "succeeded", seconds=60)
    row = Endpoint.objects.get()
    assert row.tested["model"] == "small-1" and row.tested_at
    found = dict(words.findings(row))
    assert found["Log-probabilities"] == "none: text only" and found["1,000 typical rows"].startswith("0.70 USD")
    page = client_of(alice).get(reverse("endpoints:detail", args=[row.id])).content.decode()
    assert "small-1" in page and "gives no list of its models" in page and "sk-canary" not in page


@pytest.mark.slow
def test_a_refused_address_fails_with_its_sentence(team_a, alice, client_of, there, worker, reaches) -> None:
    row = actions.add(team_a, alice, "Here", {"url": there.url, "model": "small-1"}, {})
    worker("cpu", ALLOWED_PRIVATE_HOSTS="")  # the administrator of this worker allows no private host
    run = actions.test(row, alice)
    reaches(run, "failed", seconds=60)
    assert run.error["code"] == "ADDRESS_NOT_ALLOWED" and not there.asked
    page = client_of(alice).get(reverse("endpoints:detail", args=[row.id])).content.decode()
    assert "The last test did not work" in page and "address is not allowed" in page


def teardown_module() -> None:
    from django.conf import settings

    shutil.rmtree(settings.DATA_DIR / "ledger", ignore_errors=True)
