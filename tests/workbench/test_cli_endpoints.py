"""`workbench endpoints` against a real server: the key never stands in the command's own words."""

from __future__ import annotations

import io
from typing import Any

import pytest

from tests.workbench.test_cli import home, signed_in  # noqa: F401 - fixtures
from workbench import cli
from workbench.endpoints import actions
from workbench.endpoints.models import Endpoint
from workbench.team.models import Membership

SECRET = "sk-canary-cli-42"


def test_endpoints_are_added_listed_and_removed(signed_in: Any, capsys: Any, monkeypatch: Any) -> None:  # noqa: F811
    Membership.objects.update(role="admin")
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{SECRET}\n"))
    command = [
        "endpoints",
        "add",
        "My vLLM",
        "--preset",
        "openai",
        "--model",
        "gpt",
        "--price-in",
        "0.5",
        "--key-stdin",
    ]
    assert cli.main(command) == 0 and "endpoint/my-vllm" in capsys.readouterr().out
    row = Endpoint.objects.get()
    assert actions.key_of(row) == SECRET and row.spec["price_in"] == 0.5 and row.spec["logprobs"] == 20
    assert cli.main(["endpoints"]) == 0 and cli.main(["endpoints", "show", "endpoint/my-vllm"]) == 0
    said = capsys.readouterr().out
    assert "gpt" in said and "Key: stored." in said and SECRET not in said
    assert cli.main(["endpoints", "remove", "my-vllm"]) == 0 and not Endpoint.objects.exists()


def test_the_key_comes_from_the_environment(signed_in: Any, monkeypatch: Any) -> None:  # noqa: F811
    Membership.objects.update(role="admin")
    monkeypatch.setenv("MY_KEY", SECRET)
    assert cli.main(["endpoints", "add", "A", "--url", "https://a.example", "--model", "m", "--key-env", "MY_KEY"]) == 0
    assert actions.key_of(Endpoint.objects.get()) == SECRET


def test_what_is_not_said_stays_as_it_is(signed_in: Any, capsys: Any, monkeypatch: Any) -> None:  # noqa: F811
    Membership.objects.update(role="admin")
    monkeypatch.setenv("MY_KEY", SECRET)
    add = [
        "endpoints",
        "add",
        "A",
        "--url",
        "https://a.example",
        "--model",
        "m",
        "--outputs",
        "yes",
        "--key-env",
        "MY_KEY",
    ]
    assert cli.main([*add, "--monthly-tokens", "100"]) == 0
    assert cli.main(["endpoints", "change", "a", "--model", "n", "--concurrency", "3"]) == 0
    row = Endpoint.objects.get()
    assert (row.spec["model"], row.spec["concurrency"], row.spec["url"]) == ("n", 3, "https://a.example")
    assert (row.outputs, row.monthly_tokens, actions.key_of(row)) == ("yes", 100, SECRET)
    assert "Test it: workbench endpoints test endpoint/a" in capsys.readouterr().out
    assert cli.main(["endpoints", "change", "a", "--url", "https://b.example"]) == cli.REFUSED
    assert (
        "given for another host" in capsys.readouterr().err
        and Endpoint.objects.get().spec["url"] == "https://a.example"
    )


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (["endpoints", "add"], "Say which endpoint"),
        (["endpoints", "calls"], "Say which run"),
        (["endpoints", "show", "none"], "no endpoint called endpoint/none"),
        (["endpoints", "change", "none", "--model", "m"], "no endpoint called endpoint/none"),
        (["endpoints", "add", "A", "--key-env", "NOT_THERE_AT_ALL"], "is empty or not there"),
        (["endpoints", "add", "A", "--url", "http://10.0.0.1", "--model", "m"], "not allowed"),
    ],
)
def test_it_says_what_is_wrong(signed_in: Any, capsys: Any, command: list[str], says: str) -> None:  # noqa: F811
    Membership.objects.update(role="admin")
    assert cli.main(command) == cli.REFUSED and says in capsys.readouterr().err
