from __future__ import annotations

from workbench.datasets import actions


def test_stored_findings_hold_nothing_that_the_database_refuses() -> None:
    assert actions.storable({"a\0": ["x\0y", "\ud800", 1, None]}) == {"a\ufffd": ["x\ufffdy", "?", 1, None]}
