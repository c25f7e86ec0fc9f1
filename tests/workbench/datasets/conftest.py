from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client


@pytest.fixture
def client(alice: Any, client_of: Callable[[Any], Client]) -> Client:
    """Alice, signed in."""
    return client_of(alice)
