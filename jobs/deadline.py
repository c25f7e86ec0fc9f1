"""Calls with a deadline on our side. A frozen database server answers nothing at all: no timeout of its own fires."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any, TypeVar

from django.db import Error as DatabaseError
from django.db import OperationalError, connection

T = TypeVar("T")


class DatabaseSilent(OperationalError):
    """No answer within the deadline. The call may still happen: whatever it does must be safe to repeat."""


class Caller:
    """One thread with one database connection. A call that hangs is left behind together with its thread."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._jobs: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] | None = None

    def start(self, call: Callable[[], T]) -> Future[T]:
        """The call, under way; the next one waits for it."""
        if self._jobs is None:
            self._jobs = queue.SimpleQueue()
            threading.Thread(target=_work, args=(self._jobs,), name=self.name, daemon=True).start()
        future: Future[T] = Future()
        self._jobs.put((future, call))
        return future

    def __call__(self, call: Callable[[], T], seconds: float = 10) -> T:
        """The call's result; DatabaseSilent after `seconds`."""
        future = self.start(call)
        try:
            return future.result(seconds)
        except FutureTimeout:
            if future.done():  # the call itself timed out
                raise
            self.close()
            raise DatabaseSilent(f"the database gave no answer within {seconds:.0f} s") from None

    def close(self) -> None:
        """The thread ends, with its connection, as soon as its last call lets it."""
        if self._jobs is not None:
            self._jobs.put(None)
            self._jobs = None


def _work(jobs: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None]) -> None:
    while (job := jobs.get()) is not None:
        future, call = job
        try:
            future.set_result(call())
        except BaseException as error:
            if isinstance(error, DatabaseError):
                connection.close()
            future.set_exception(error)
    connection.close()
