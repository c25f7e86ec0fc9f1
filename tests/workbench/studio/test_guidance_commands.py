"""workbench verdict, advise, templates: over the real API of this process."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from django.test import Client

from tests.workbench.samples import sample_library
from workbench import cli
from workbench.client import Api
from workbench.team.models import ApiToken

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(alice: Any, team_a: Any, monkeypatch: Any, capsys: Any) -> Any:
    """run("advise", ...) -> (exit code, what it printed)."""
    text = ApiToken.new_text()
    ApiToken.objects.create(team=team_a, user=alice, name="t", sha256=ApiToken.digest(text))
    browser = Client(headers={"Authorization": f"Bearer {text}"})

    def answer(request: httpx.Request) -> httpx.Response:
        found = browser.generic(
            request.method, request.url.raw_path.decode(), request.read(),
            content_type=request.headers.get("Content-Type", ""),
        )  # fmt: skip
        return httpx.Response(found.status_code, content=found.content, headers={"Content-Type": found["Content-Type"]})

    monkeypatch.setattr(Api, "from_config", lambda: Api("http://t", text, transport=httpx.MockTransport(answer)))

    def call(*words: str) -> tuple[int, str]:
        code = cli.main(list(words))
        said = capsys.readouterr()
        return code, said.out + said.err

    return call


def test_verdict_prints_each_line(run: Any) -> None:
    sample_library()
    code, text = run("verdict", "sample/banking77-teacher", "sample/banking77-student")
    assert code == 0 and text.startswith("A good pair") and "fits     capacity:" in text
    assert run("verdict", "nobody", "sample/banking77-student")[0] == 1


def test_advise_ranks_and_lists_the_questions(run: Any) -> None:
    assert "task=code" in run("advise")[1]
    code, text = run("advise", "access=text", "task=classify", "--most", "1")
    assert code == 0 and text.startswith("1. Sequence-level distillation (seqkd)") and "arxiv.org" in text
    assert run("advise", "task=win")[0] == run("advise", "task")[0] == 1


def test_templates_prints_a_recipe_that_submit_takes(run: Any) -> None:
    assert "classify" in run("templates")[1]
    code, text = run("templates", "classify")
    assert code == 0 and json.loads(text)["method"] == "llm-neo"
    assert run("templates", "magic")[0] == 1
