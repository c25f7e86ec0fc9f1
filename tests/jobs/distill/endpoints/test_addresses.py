"""An endpoint is an address that somebody gave: nothing is connected to that was not judged (H60 to H68)."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from pathlib import Path

import pytest
from pydantic import ValidationError

from jobs.distill.asking.ledger import Ledger
from jobs.distill.endpoints import EndpointAsker
from jobs.distill.errors import DistillError
from jobs.distill.net.addresses import read_allowed
from jobs.distill.recipe.endpoint import Endpoint

from .fake_teacher import fake_teacher
from .plain import QUICK, ask, asker, question


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Where sockets were sent."""
    places: list[object] = []
    real = socket.socket.connect

    def connect(self: socket.socket, address: object) -> None:
        places.append(address)
        real(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", connect)
    return places


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/v1", "http://127.0.0.1:8000/v1", "http://[::1]:8000/v1", "http://127.1:8000/v1", "http://0x7f000001/v1",
        "http://2130706433/v1", "http://0177.0.0.1/v1", "http://[::ffff:169.254.169.254]/v1", "http://[64:ff9b::a9fe:a9fe]/v1",
        "http://[fec0::1]/v1", "http://100.64.0.1/v1", "http://224.0.0.1/v1", "http://0.0.0.0/v1", "http://localhost:8000/v1",
    ],
)  # fmt: skip
def test_a_private_address_is_not_asked(tmp_path: Path, url: str, connected: list[object]) -> None:
    endpoint = Endpoint.model_validate({"url": url, "model": "m"})
    with pytest.raises(DistillError, match="The address is not allowed") as caught:
        ask(EndpointAsker("t", endpoint, Ledger([tmp_path]), allowed=(), patience=QUICK), question(1))
    assert caught.value.code == "ADDRESS_NOT_ALLOWED" and not connected


@pytest.mark.parametrize(
    "url",
    [
        "http://a.com\\@127.0.0.1/", "http://a.com#@127.0.0.1/", "http://u:p@h/", "http:///x", "http://h:99999/", "http://a.com%00.x",
        "file:///etc/passwd", "gopher://h/", "unix:/run/x", "javascript:alert(1)", "http://h/ v1", "http://h/v1?key=secret", "v1",
    ],
)  # fmt: skip
def test_an_address_that_is_not_plain_is_no_endpoint(url: str) -> None:
    with pytest.raises(ValidationError, match="not a plain URL|holds no"):
        Endpoint.model_validate({"url": url, "model": "m"})


@pytest.mark.parametrize("found", [["93.184.216.34", "10.0.0.7"], ["10.0.0.7"], ["::1"], ["not a number"], []])
def test_one_bad_number_of_a_name_refuses_them_all(tmp_path: Path, found: list[str], connected: list[object]) -> None:
    endpoint = Endpoint.model_validate({"url": "https://teacher.example/v1", "model": "m"})
    who = EndpointAsker(
        "t", endpoint, Ledger([tmp_path]), allowed=(), patience=QUICK, resolver=lambda host, port: found
    )
    with pytest.raises(DistillError) as caught:
        ask(who, question(1))
    assert caught.value.code in ("ADDRESS_NOT_ALLOWED", "HOST_UNKNOWN") and not connected


def test_a_name_is_asked_for_once_and_the_connection_goes_to_the_judged_number(tmp_path: Path) -> None:
    """DNS rebinding: the second answer would be another machine."""
    with fake_teacher() as teacher:
        asked: list[str] = []

        def resolver(host: str, port: int) -> Sequence[str]:
            asked.append(host)
            return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

        endpoint = Endpoint.model_validate(
            {"url": f"http://vllm.lan:{teacher.port}/v1", "model": "m", "concurrency": 4}
        )
        allowed = read_allowed(f"vllm.lan:{teacher.port}, 127.0.0.1:{teacher.port}")
        who = EndpointAsker("t", endpoint, Ledger([tmp_path]), allowed=allowed, patience=QUICK, resolver=resolver)
        assert all(r.ok for r in ask(who, *map(question, range(20))))
        assert asked == ["vllm.lan"] and teacher.calls[0].headers["host"] == f"vllm.lan:{teacher.port}"


def test_no_proxy_no_cookie_no_packing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with fake_teacher() as teacher:
        assert ask(asker(teacher, tmp_path), question(1))[0].ok
        sent = teacher.calls[0].headers
        assert sent["accept-encoding"] == "identity" and "cookie" not in sent and "authorization" not in sent


def test_the_administrators_list_is_read_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with fake_teacher() as teacher:
        endpoint = Endpoint.model_validate({"url": teacher.url, "model": "m"})
        monkeypatch.setenv("ALLOWED_PRIVATE_HOSTS", f"127.0.0.1:{teacher.port}")
        assert ask(EndpointAsker("t", endpoint, Ledger([tmp_path])), question(1))[0].ok
        monkeypatch.setenv("ALLOWED_PRIVATE_HOSTS", "127.0.0.1:1")
        with pytest.raises(DistillError, match="The address is not allowed"):
            ask(EndpointAsker("t", endpoint, Ledger([tmp_path])), question(2))


@pytest.mark.parametrize(
    "url, style, target",
    [
        ("http://h", "openai-chat", "/v1/chat/completions"),
        ("http://h/", "openai-chat", "/v1/chat/completions"),
        ("http://h/v1/", "openai-chat", "/v1/chat/completions"),
        ("http://h/v1/chat/completions", "openai-chat", "/v1/chat/completions"),
        ("http://h/api/v3", "openai-completions", "/api/v3/completions"),
        ("http://h", "anthropic", "/v1/messages"),
        ("http://h/v1", "anthropic", "/v1/messages"),
        ("http://h/anthropic", "anthropic", "/anthropic/v1/messages"),
    ],
)
def test_the_path_is_where_the_style_puts_it(url: str, style: str, target: str) -> None:
    from jobs.distill.endpoints.caller import STYLES
    from jobs.distill.net.addresses import parse

    endpoint = Endpoint.model_validate({"url": url, "model": "m", "style": style})
    assert STYLES[style](endpoint, parse(url)).target == target
