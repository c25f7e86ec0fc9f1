"""The command lines of the workbench's own processes, in one place for `make up` and for containers."""

from __future__ import annotations

import os
import sys


def web_server(port: int) -> list[str]:
    """uvicorn; no access log (the proxy's job), and live streams end within two seconds of a stop."""
    host = os.environ.get("HOST") or "127.0.0.1"
    return [
        sys.executable,
        "-m",
        "uvicorn",
        "workbench.asgi:application",
        "--host",
        host,
        "--port",
        str(port),
        "--lifespan",
        "off",
        "--timeout-graceful-shutdown",
        "2",
        "--no-access-log",
    ]


def celery_worker(queue: str) -> list[str]:
    """One worker that hosts the agents of a queue; threads, because the heavy work is in child processes."""
    return [
        sys.executable,
        "-m",
        "celery",
        "-A",
        "jobs.celery_app",
        "worker",
        "-P",
        "threads",
        "-c",
        "1",
        "--loglevel",
        "INFO",
        "--without-gossip",
        "--without-mingle",
        "-Q",
        queue,
        "-n",
        f"{queue}@%h",
    ]
