from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from workbench.team.models import ApiToken, Membership, User


@pytest.fixture
def admin(alice: Any) -> Any:
    alice.memberships.update(role="admin")
    return alice


def test_it_shows_a_new_key_once_and_stores_only_its_hash(client_of: Any, alice: Any) -> None:
    browser = client_of(alice)
    text = browser.post("/team/tokens/", {"name": "nightly"}).context["new_token"]
    assert ApiToken.objects.get().sha256 == ApiToken.digest(text)
    assert text not in browser.get("/team/settings/").content.decode()


def test_it_revokes_only_ones_own_keys(client_of: Any, alice: Any, bob: Any) -> None:
    client_of(alice).post("/team/tokens/", {"name": "mine"})
    token = ApiToken.objects.get()
    assert client_of(bob).post(f"/team/tokens/{token.id}/revoke/").status_code == 404
    client_of(alice).post(f"/team/tokens/{token.id}/revoke/")
    token.refresh_from_db()
    assert token.revoked_at


def test_it_remembers_the_theme(client_of: Any, alice: Any) -> None:
    browser = client_of(alice)
    browser.post("/team/profile/", {"theme": "dark", "email": "evil@example.org", "is_superuser": "1"})
    assert 'data-bs-theme="dark"' in browser.get("/team/settings/").content.decode()
    alice.refresh_from_db()
    assert alice.email == "alice@example.org" and not alice.is_superuser


def test_it_adds_a_person_who_can_sign_in(client_of: Any, admin: Any) -> None:
    answer = client_of(admin).post("/team/members/", {"email": "dora@example.org", "role": "member"})
    password = answer.context["new_member"]["password"]
    assert Client().post("/account/login/", {"login": "dora@example.org", "password": password}).status_code == 302


def test_it_does_not_take_people_from_other_teams(client_of: Any, admin: Any, charlie: Any) -> None:
    answer = client_of(admin).post("/team/members/", {"email": charlie.email, "role": "member"})
    assert answer.status_code == 422 and "on a team already" in answer.content.decode()
    assert Membership.objects.get(user=charlie).team != admin.teams.get()


def test_it_keeps_the_last_administrator(client_of: Any, admin: Any) -> None:
    mine = admin.memberships.get()
    client_of(admin).post(f"/team/members/{mine.id}/", {"role": "viewer"})
    mine.refresh_from_db()
    assert mine.role == "admin"


@pytest.mark.parametrize("path", ["/team/members/", "/team/members/{id}/"])
def test_it_lets_only_administrators_manage_people(client_of: Any, alice: Any, bob: Any, path: str) -> None:
    path = path.format(id=bob.memberships.get().id)
    assert client_of(alice).post(path, {"email": "x@example.org", "role": "admin"}).status_code == 403
    assert not User.objects.filter(email="x@example.org").exists()


def test_it_does_not_touch_people_of_another_team(client_of: Any, admin: Any, charlie: Any) -> None:
    other = charlie.memberships.get()
    assert client_of(admin).post(f"/team/members/{other.id}/", {"remove": "1"}).status_code == 404
    assert Membership.objects.filter(pk=other.pk).exists()


def test_it_gives_a_forgetful_person_a_new_password(client_of: Any, admin: Any, bob: Any) -> None:
    answer = client_of(admin).post(f"/team/members/{bob.memberships.get().id}/", {"password": "1"})
    password = answer.context["new_member"]["password"]
    assert Client().post("/account/login/", {"login": bob.email, "password": password}).status_code == 302
