"""Waking workers: a bell inside each worker process, rung by Celery messages and by PostgreSQL's NOTIFY.

A wake-up carries an id and no truth. Losing all of them costs a poll interval (5 s).
"""

from __future__ import annotations

import logging
import threading
import time

log = logging.getLogger("jobs.wake")

_REST_SECONDS = 30.0
_rest_until = 0.0


def publish(run_id: str, queue: str) -> bool:
    """Tells the workers of `queue` to look at the table. False when the broker is away: never an error for the caller.

    After a failure the broker is left alone for half a minute, so that a dead one costs one short wait and not one a click.
    """
    global _rest_until
    if time.monotonic() < _rest_until:
        return False
    from .tasks import wake

    try:
        wake.apply_async(args=[run_id], queue=queue, retry=False)
    except Exception as error:  # kombu raises the errors of every transport it knows
        _rest_until = time.monotonic() + _REST_SECONDS
        log.warning("wake-ups are off: %s", type(error).__name__)
        return False
    _rest_until = 0.0
    return True


class Bell:
    """Everyone who waits hears every ring."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._rings = 0

    def ring(self) -> None:
        with self._condition:
            self._rings += 1
            self._condition.notify_all()

    @property
    def rings(self) -> int:
        return self._rings

    def wait(self, since: int, seconds: float) -> int:
        """Returns when it has rung more often than `since`, or after `seconds`; gives the number of rings so far."""
        with self._condition:
            self._condition.wait_for(lambda: self._rings > since, timeout=seconds)
            return self._rings


bell = Bell()
