"""Runs whose behaviour is their spec (see engine.py), on real workers."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ENGINE = shlex.join([sys.executable, str(Path(__file__).with_name("engine.py"))])


@pytest.fixture
def submit(team_a: Any, alice: Any) -> Callable[..., Any]:
    """submit(act="wait"): a queued run that the stand-in engine will work on."""
    from workbench.runs import actions

    def start(**spec: Any) -> Any:
        return actions.start_run("add_model", team_a, alice, spec.get("act", "work"), spec, queue="cpu")

    return start


@pytest.fixture
def faulty(worker: Callable[..., Any]) -> Callable[..., Any]:
    """A worker whose engine is the stand-in."""
    return lambda queues="cpu", **env: worker(queues, **{"ENGINE": ENGINE, "STOP_SECONDS": "2", **env})


@pytest.fixture
def reaches(until: Callable[..., Any]) -> Callable[..., Any]:
    """reaches(run, "succeeded"): waits for the state and returns the run as it stands then."""

    def wait(run: Any, *states: str, seconds: float = 30) -> Any:
        def ask() -> bool:
            run.refresh_from_db()
            return run.state in states

        until(ask, seconds, lambda: (run.state, run.error, list(run.events.values_list("type", "data"))[-12:]))
        return run

    return wait


@pytest.fixture
def free_port() -> int:
    """A port of this machine that nobody listens on."""
    import socket

    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])
