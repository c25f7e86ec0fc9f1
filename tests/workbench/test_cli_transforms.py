"""Transforms from a terminal, against a live server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.jobs.distill.data.transforms.making import row
from tests.workbench.datasets.test_transforms import stored, work
from tests.workbench.test_cli import home, signed_in  # noqa: F401 - fixtures
from workbench import cli
from workbench.datasets.models import Dataset
from workbench.runs.models import Kind, Run

pytestmark = pytest.mark.django_db(transaction=True)
STEPS = "- kind: filter\n  contains: card\n- kind: replace\n  find: card\n  replace_with: key\n"


def test_it_previews_makes_compares_and_shows_where_it_came_from(
    signed_in: Path,  # noqa: F811
    team_a: Any,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dataset = Dataset.objects.create(team=team_a, key="cards", title="Cards")
    stored(dataset, [row("my card", "a", 1), row("a rate", "b", 2)], tmp_path)
    monkeypatch.setattr(cli, "follow", lambda api, run: 0)  # no worker runs here
    Path("steps.yaml").write_text(STEPS)
    assert cli.main(["datasets", "transform", "cards", "--steps", "steps.yaml", "--preview"]) == 0
    out = capsys.readouterr().out
    assert "2 rows become 1. Nothing was made." in out and "does not contain “card”" in out
    assert cli.main(["datasets", "transform", "cards", "--steps", "steps.yaml"]) == 0
    work(Run.objects.get(kind=Kind.TRANSFORM_DATASET), tmp_path / "run")
    assert cli.main(["datasets", "diff", "cards", "1", "2"]) == 0
    assert "my -[card]+[key]" in capsys.readouterr().out
    assert cli.main(["datasets", "lineage", "cards"]) == 0
    assert "cards@1" in capsys.readouterr().out
    Path("steps.yaml").write_text("- kind: split\n  heldout: 7\n")
    assert cli.main(["datasets", "transform", "cards", "--steps", "steps.yaml", "--preview"]) == cli.REFUSED
    assert "Step 1 (Split), Held-out share" in capsys.readouterr().err
    assert cli.main(["datasets", "transform", "nothing", "--replay", "cards@2"]) == cli.REFUSED
