"""Private hosts of endpoints are allowed on the command line, beside those of the environment."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from jobs.distill.cli.main import REFUSED, main


@pytest.mark.parametrize("command", [["run"], ["record", "--out", "x"]])
def test_hosts_of_the_command_line_join_those_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.setenv("ALLOWED_PRIVATE_HOSTS", "vllm.lan:8000")
    nothing = str(tmp_path / "no-recipe.yaml")
    assert main([*command, nothing, "--allow-host", "127.0.0.1:1234", "--allow-host", "10.0.0.0/8"]) == REFUSED
    assert os.environ["ALLOWED_PRIVATE_HOSTS"] == "vllm.lan:8000,127.0.0.1:1234,10.0.0.0/8"


def test_what_is_no_host_is_refused(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOWED_PRIVATE_HOSTS", "")
    assert main(["run", "recipe.yaml", "--allow-host", "http://x y"]) == REFUSED
    assert "is neither a host name, a number nor a network. Give a host and a port" in capsys.readouterr().err
