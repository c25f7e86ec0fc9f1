"""A team's own server as it is: `transformers serve` with a model of the samples' shape."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.distill.asking.ledger import Ledger
from jobs.distill.endpoints import EndpointAsker, probe
from jobs.distill.net.addresses import read_allowed
from jobs.distill.recipe.endpoint import Endpoint

from .. import tiny
from .plain import ask, question

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    from transformers.utils.import_utils import is_serve_available

    if not is_serve_available():
        pytest.skip("transformers serve needs fastapi, uvicorn and openai")
    folder = tiny.model(tmp_path_factory.mktemp("served") / "model", 0)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    command = ["serve", str(folder), "--port", str(port), "--host", "127.0.0.1", "--device", "cpu"]
    server = subprocess.Popen([str(Path(sys.executable).with_name("transformers")), *command], env=env)
    try:
        until = time.monotonic() + 200
        while True:
            assert server.poll() is None and time.monotonic() < until, "the server did not start"
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=10)
                break
            except OSError:
                time.sleep(0.5)
        yield Endpoint.model_validate({"url": f"http://127.0.0.1:{port}/v1", "model": str(folder), "concurrency": 2})
    finally:
        server.terminate()
        server.wait(30)


@pytest.mark.parametrize("stream", [False, True])
def test_it_answers_and_is_not_asked_again(tmp_path: Path, served: Endpoint, stream: bool) -> None:
    endpoint = served.model_copy(update={"stream": stream})
    allowed = read_allowed(served.url.removeprefix("http://").partition("/")[0])
    who = EndpointAsker("teacher", endpoint, Ledger([tmp_path]), allowed=allowed)
    replies = ask(who, question(1), question(2))
    assert {r.outcome for r in replies} <= {"ok", "truncated"}, [r.why for r in replies]
    assert all(r.text and r.tokens_out for r in replies)
    again = ask(who, question(1), question(2))
    assert [r.text for r in again] == [r.text for r in replies] and not any(r.paid for r in again)


def test_it_is_tested(served: Endpoint) -> None:
    allowed = read_allowed(served.url.removeprefix("http://").partition("/")[0])
    facts = probe.test_endpoint(served, allowed=allowed)
    assert facts.model and facts.seconds > 0
