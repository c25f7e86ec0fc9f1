"""A small dataset of Alice's team, and a desk over it. Models are imported late: Django is not set up when this is read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from workbench.datasets.models import DatasetVersion
    from workbench.review.models import Review


@pytest.fixture
def version(team_a: Any, tmp_path: Path) -> DatasetVersion:
    """Twelve rows of three labels."""
    from .desks import LABELS, stored

    return stored(team_a, tmp_path, [(f"question {n}", LABELS[n % 3]) for n in range(12)])


@pytest.fixture
def desk(version: DatasetVersion, alice: Any) -> Review:
    from .desks import laid_out

    return laid_out(version, alice)


@pytest.fixture
def desk_of_two(version: DatasetVersion, alice: Any) -> Review:
    from .desks import laid_out

    return laid_out(version, alice, seats=2)


@pytest.fixture
def client(alice: Any, client_of: Callable[[Any], Any]) -> Any:
    return client_of(alice)
