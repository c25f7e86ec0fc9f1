from __future__ import annotations

import time

from django.conf import settings

from jobs import celery_app, tasks, wake
from jobs.celery_app import app


def test_it_asserts_every_setting_that_answers_a_known_failure() -> None:
    wanted = {
        "task_serializer": "json", "accept_content": ["json"], "task_ignore_result": True, "result_backend": None,
        "task_acks_late": False, "worker_prefetch_multiplier": 1, "worker_enable_remote_control": False,
        "task_publish_retry": False, "broker_connection_retry_on_startup": True, "broker_connection_timeout": 2,
    }  # fmt: skip
    assert {name: app.conf[name] for name in wanted} == wanted


def test_it_uses_files_where_no_broker_is_configured(tmp_path) -> None:
    found = celery_app.broker("", tmp_path)
    assert found["broker_url"] == "filesystem://" and (tmp_path / "broker" / "messages").is_dir()


def test_it_waits_at_most_two_seconds_for_redis(tmp_path) -> None:
    options = celery_app.broker("redis://somewhere/0", tmp_path)["broker_transport_options"]
    assert options["socket_connect_timeout"] == 2 and options["max_retries"] == 0


def test_it_has_one_task_that_is_never_delayed_or_retried() -> None:
    names = {name for name in app.tasks if not name.startswith("celery.")}
    assert names == {"jobs.wake"}
    text = "".join(p.read_text() for p in (settings.BASE_DIR / "jobs").glob("*.py"))
    assert not any(word in text for word in ("countdown=", "eta=", "chord(", ".retry(", "apply_async(countdown"))


def test_it_leaves_a_dead_broker_alone_for_a_while(monkeypatch) -> None:
    calls = []

    def broken(**_: object) -> None:
        calls.append(1)
        raise ConnectionError

    monkeypatch.setattr(wake, "_rest_until", 0.0)
    monkeypatch.setattr(tasks.wake, "apply_async", broken)
    assert [wake.publish("x", "gpu") for _ in range(3)] == [False] * 3 and len(calls) == 1


def test_it_hears_every_ring() -> None:
    bell = wake.Bell()
    bell.ring()
    began = time.monotonic()
    assert bell.wait(0, 5) == 1 and time.monotonic() - began < 1
    assert bell.wait(1, 0.05) == 1
