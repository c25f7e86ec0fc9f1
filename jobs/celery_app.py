"""Celery wakes workers up and hosts the agents; it carries ids and no truth. `celery -A jobs.celery_app worker -Q gpu`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "workbench.settings")  # before Celery looks for it

from celery import Celery, bootsteps
from django.conf import settings


def broker(url: str, data_dir: Path) -> dict[str, Any]:
    """Where wake-ups travel: the given broker, or files in the data folder when none is configured."""
    if url:
        limits = {"socket_connect_timeout": 2, "socket_timeout": 2} if url.startswith(("redis", "rediss")) else {}
        return {"broker_url": url, "broker_transport_options": {**limits, "max_retries": 0}}
    folder = data_dir / "broker"
    for name in ("messages", "control"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    options = {name: str(folder / "messages") for name in ("data_folder_in", "data_folder_out")}
    return {
        "broker_url": "filesystem://",
        "broker_transport_options": {**options, "control_folder": str(folder / "control")},
    }


def configuration() -> dict[str, Any]:
    """Every setting answers a known way of losing or doubling work; tests assert them."""
    return {
        **broker(settings.CELERY_BROKER_URL, settings.DATA_DIR),
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_ignore_result": True,
        "result_backend": None,
        "task_acks_late": False,
        "worker_prefetch_multiplier": 1,
        "worker_enable_remote_control": False,
        "worker_send_task_events": False,
        "task_publish_retry": False,
        "broker_connection_timeout": 2,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "worker_hijack_root_logger": False,
        "imports": ["jobs.tasks"],
        "enable_utc": True,
    }


class Agents(bootsteps.StartStopStep):
    """Runs one agent per slot beside the consumer: started before the broker is asked, stopped before the pool."""

    requires = ("celery.worker.components:Pool",)

    def __init__(self, worker: Any, **_: Any) -> None:
        self.agents: Any = None

    def start(self, worker: Any) -> None:
        import django

        django.setup()
        from .agent import AgentGroup

        self.agents = AgentGroup([name for name in ("gpu", "cpu") if name in worker.app.amqp.queues.consume_from])
        self.agents.start()

    def stop(self, worker: Any) -> None:
        if self.agents:
            self.agents.stop()

    terminate = stop


app = Celery("workbench")
app.config_from_object(configuration())
app.steps["worker"].add(Agents)
