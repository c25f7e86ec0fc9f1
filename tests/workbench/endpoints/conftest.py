"""Administrators, and an endpoint of team A."""

from __future__ import annotations

from typing import Any

import pytest

SECRET = "sk-canary-1f0e9d8c7b6a"
SPEC = {"url": "https://api.example.org/v1", "model": "big-1", "price_in": 0.5, "price_out": 1.5, "concurrency": 4}


@pytest.fixture
def admin(alice: Any) -> Any:
    from workbench.team.models import Membership

    Membership.objects.filter(user=alice).update(role="admin")
    return alice


@pytest.fixture
def endpoint(team_a: Any, alice: Any) -> Any:
    from workbench.endpoints import actions

    return actions.add(team_a, alice, "Big One", dict(SPEC), {"outputs": "yes"}, SECRET)
