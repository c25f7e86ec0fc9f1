from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.jobs.distill.forking import Forker


@pytest.fixture(scope="session")
def engine() -> Iterator[Forker]:
    """Whole runs in processes of their own, forked from one that all tests share: it takes seconds to load."""
    forker = Forker()
    yield forker
    forker.close()
