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
    from workbench.datasets.models import Dataset, DatasetVersion
    from workbench.runs import blobs

    from .desks import LABELS, write

    blob = blobs.put(write(tmp_path, [(f"question {n}", LABELS[n % 3]) for n in range(12)]))
    dataset = Dataset.objects.create(team=team_a, key="questions", title="Questions")
    counts = {"rows": 12}
    return DatasetVersion.objects.create(dataset=dataset, number=1, sha256=blob.sha256, rows_blob=blob, counts=counts)


@pytest.fixture
def desk(version: DatasetVersion, alice: Any, team_a: Any) -> Review:
    from workbench.review import actions

    return actions.open_review(team_a, alice, version, "file")


@pytest.fixture
def desk_of_two(version: DatasetVersion, alice: Any, team_a: Any) -> Review:
    from workbench.review import actions

    return actions.open_review(team_a, alice, version, "file", seats=2)


@pytest.fixture
def client(alice: Any, client_of: Callable[[Any], Any]) -> Any:
    return client_of(alice)
