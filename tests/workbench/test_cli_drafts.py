"""`workbench drafts`, `diff` and `check` against a real server."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.samples.catalog import RECIPE
from tests.workbench.samples import sample_library
from tests.workbench.test_cli import home, signed_in  # noqa: F401 - fixtures
from workbench import cli
from workbench.studio import recipe_text
from workbench.studio.models import Draft


def test_drafts_are_made_changed_compared_and_checked(signed_in: Any, capsys: Any) -> None:  # noqa: F811
    sample_library()
    (signed_in / "a.yaml").write_text(recipe_text.dump(RECIPE))
    assert cli.main(["check", "a.yaml"]) == 0 and "It can start." in capsys.readouterr().out
    assert cli.main(["drafts", "new", "a.yaml"]) == 0
    draft = Draft.objects.get()
    key = str(draft.id)
    assert cli.main(["drafts", "set", key, "student.adapter.rank=8", "seed=", "name=Mine"]) == 0
    assert "Rank from 64 to 8." in capsys.readouterr().out
    assert cli.main(["drafts", "do", key, "spell", "move:stages.1:0"]) == 0
    assert "moved from place 2 to 1" in capsys.readouterr().out
    assert cli.main(["diff", "a.yaml", f"draft:{key}"]) == 0
    said = capsys.readouterr().out
    assert "Rank" in said and "place 2" in said and "LLM-Neo" in said
    assert cli.main(["drafts", "undo", key]) == 0 and cli.main(["drafts", "history", key]) == 0
    assert "The method's stages were spelled out." in capsys.readouterr().out
    assert cli.main(["drafts", "copy", f"draft:{key}"]) == 0 and cli.main(["drafts"]) == 0
    assert capsys.readouterr().out.count("alice@example.org") == 2


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (["drafts", "show"], "Say which draft"),
        (["drafts", "show", "x"], "no id of a draft"),
        (["drafts", "set", "00000000-0000-4000-8000-000000000000", "rank"], "field=value"),
        (["diff", "draft:x", "#1"], "no such draft or run"),
        (["check", "none.yaml"], "none.yaml"),
    ],
)
def test_it_says_what_is_wrong(signed_in: Any, capsys: Any, command: list[str], says: str) -> None:  # noqa: F811
    assert cli.main(command) == cli.REFUSED and says in capsys.readouterr().err
