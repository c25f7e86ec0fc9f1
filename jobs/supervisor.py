"""One attempt of one run: prepare -> spawn -> watch -> commit. Runs in the agent's thread; the engine is another process.

The engine never waits for the database. The supervisor talks to it through `Caller`s with a deadline of their own, keeps
the lease alive, brings events over, passes orders on, and in the end decides by exit code what became of the attempt:

    0    results and `succeeded` in one transaction
    3    stopped after a checkpoint: paused, cancelled, or waiting to go on
    4    error.json says why: failed, or waiting to try again
    else a crash: the reaper's rule decides between another attempt and quarantine
"""

from __future__ import annotations

import json
import logging
import random
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError

from jobs.distill.errors import DistillError, Transient
from workbench.runs.actions import ENOUGH, rounds_are_enough
from workbench.runs.models import STANDS_STILL

from . import folder as folders
from . import lease as leases
from . import reaper, results, signals, teachers
from .child import Child, Limits, environment
from .deadline import Caller
from .lease import Lease, LeaseLost, Orders
from .ledger import Calls
from .spool import Spool
from .words import crash

log = logging.getLogger("jobs.supervisor")

# The database is away, restarting, frozen or full. Its other errors are ours, and asking again would not help.
AWAY = (OperationalError, InterfaceError)

STOPPED, EXPLAINED = 3, 4
TICK_SECONDS = 0.1
FLUSH_SECONDS = 1.0
STORE_SECONDS = 600.0
GIB = 2**30
LIMITS = {
    "fetch_dataset": Limits(8 * GIB, 1800, 16 * GIB),
    "import_dataset": Limits(8 * GIB, 1800, 16 * GIB),
    "profile_dataset": Limits(8 * GIB, 1800, 16 * GIB),
    "transform_dataset": Limits(8 * GIB, 1800, 16 * GIB),
    "test_endpoint": Limits(2 * GIB, 600, GIB),
}
# Short work that cannot reach something says so after a few attempts; a distillation waits as long as it takes.
PATIENCE = {
    "add_model": 3,
    "fetch_dataset": 3,
    "import_dataset": 3,
    "profile_dataset": 3,
    "transform_dataset": 3,
    "prepare_samples": 3,
    "evaluate": 5,
    "dry_run": 3,
    "test_endpoint": 2,
}


class Supervisor:
    """Watches over one lease. `stopping` is set when this worker shuts down; `nudge` when the row changed."""

    def __init__(
        self,
        lease: Lease,
        stopping: threading.Event,
        *,
        held: Sequence[int] = (),
        device_env: dict[str, str] | None = None,
    ) -> None:
        self.lease = lease
        self.stopping = stopping
        self.nudge = threading.Event()
        self.held = tuple(held)
        self.device_env = device_env or {}
        self.folder = folders.attempt_folder(lease)
        self.database = Caller(f"lease-{lease.run_id[:8]}")
        self.uploads = Caller(f"store-{lease.run_id[:8]}")
        self.spool = Spool(lease, self.folder)
        self.calls: Calls | None = None
        self.over: DistillError | None = None
        self.orders = Orders("run", "claimed")
        self.child: Child | None = None
        self.hung = False
        self._killed = False
        self._asked_at = 0.0
        self._next_beat = time.monotonic() + settings.LEASE_SECONDS / 4
        self._next_flush = 0.0

    def run(self) -> None:
        """The whole attempt. Never raises for what an engine, a person or the database may do."""
        try:
            if self._prepare():
                self._watch()
                self._settle()
        except LeaseLost as lost:
            log.warning("lease lost, nothing more is written: %s", lost)
        except Exception:
            log.exception("run %s: unexpected error in its supervisor", self.lease.run_id)
            self._broken()
        finally:
            self._end_child()
            self.database.close()
            self.uploads.close()

    # -- prepare and spawn ----------------------------------------------------------------------------------------

    def _prepare(self) -> bool:
        """False when the attempt ended before an engine was started."""
        try:
            self._beating(lambda: folders.prepare(self.lease))
            self.calls = self._beating(lambda: teachers.calls(self.lease))
        except DistillError as error:
            self._refused(error)
            return False
        except OSError as error:
            self._refused(
                Transient(
                    f"The run folder cannot be written: {error.strerror}.",
                    code="DISK_FULL" if error.errno == 28 else None,
                )
            )
            return False
        self._with_patience(self.database, lambda: leases.change(self.lease, "running", "claimed"))
        secrets = self._with_patience(self.database, lambda: folders.secrets(self.lease))
        self.child = self._spawn(secrets)
        self.nudge.set()
        return True

    def _spawn(self, secrets: dict[str, str]) -> Child:
        kind = self.lease.kind
        older = folders.older_attempts(self.lease)
        env = environment(kind, self.folder, older, signals.places(folders.described_teachers(self.folder)))
        secrets = self._with_patience(self.database, lambda: folders.secrets(self.lease))
        env |= self._with_patience(self.database, lambda: folders.surroundings(self.lease))
        command = [*settings.ENGINE, kind, str(self.folder)]
        return Child(
            command, self.folder, env | self.device_env | secrets, limits=LIMITS.get(kind, Limits()), held=self.held
        )

    # -- watch ----------------------------------------------------------------------------------------------------

    def _watch(self) -> None:
        """Until the engine has ended."""
        assert self.child
        while self.child.poll() is None:
            self._talk()
            self._obey()
            self._feel_the_pulse()
            time.sleep(TICK_SECONDS)

    def _talk(self) -> None:
        """Heartbeat when due or nudged, events once a second. An absent database is tried again later."""
        now = time.monotonic()
        try:
            if now >= self._next_beat:
                self._next_beat = now + settings.LEASE_SECONDS / 4
                self.orders = self.database(lambda: leases.heartbeat(self.lease))
                self._end_rounds()
            if self.nudge.is_set():
                self.nudge.clear()
                self.orders = self.database(lambda: leases.orders(self.lease))
            if now >= self._next_flush:
                self._next_flush = now + FLUSH_SECONDS
                self.orders = self.database(self.spool.flush) or self.orders
                if self.calls and self.database(self.calls.flush):
                    self.over = self.over or self.database(self.calls.over)
        except AWAY as error:
            self._next_beat = min(self._next_beat, time.monotonic() + 2)
            log.warning(
                "the database is away, the engine goes on: %s",
                str(error).splitlines()[0] if str(error) else type(error).__name__,
            )

    def _end_rounds(self) -> None:
        """Tells the engine when a person wants no further round of its loop."""
        place = self.folder / ENOUGH
        if self.lease.kind != "distill" or not self.child or place.exists():
            return
        if self.database(lambda: rounds_are_enough(self.lease.run_id)):
            place.touch()

    def _obey(self) -> None:
        """SIGTERM on cancel, pause and shutdown; SIGKILL of the tree when that was not heard."""
        assert self.child
        if not self._asked_at and (self.orders.desired != "run" or self.stopping.is_set() or self.over):
            if self.orders.desired != "run" and not self._announce():
                return
            self._asked_at = time.monotonic()
            self.child.signal(signal.SIGTERM)
        elif self._asked_at and not self._killed and time.monotonic() - self._asked_at > settings.STOP_SECONDS:
            self._killed = True
            self.child.kill()
        elif self._asked_at and self.orders.desired == "cancel" and self.orders.state == "running":
            self._announce()

    def _announce(self) -> bool:
        """running -> cancelling or pausing in the table; False when the database is away."""
        state = "cancelling" if self.orders.desired == "cancel" else "pausing"
        if self.orders.state in ("cancelling", "pausing"):
            return True
        try:
            self.database(lambda: leases.change(self.lease, state, "running"))
        except AWAY:
            return False
        self.orders = Orders(self.orders.desired, state)
        return True

    def _feel_the_pulse(self) -> None:
        """A beacon that stays still too long: ask for a stack dump, then end it."""
        assert self.child
        if self.hung or self._asked_at or self.child.still_seconds() < self.child.patience():
            return
        self.hung = True
        self.child.signal(signal.SIGABRT)  # Python's fault handler writes every thread's stack to the log
        self._wait(3)
        self.child.kill()

    def _wait(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while self.child and self.child.poll() is None and time.monotonic() < until:
            time.sleep(TICK_SECONDS)

    # -- settle ---------------------------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Brings the last events over and ends the attempt in the table; waits for the database as long as it takes."""
        assert self.child
        code = self.child.poll()
        while self._with_patience(self.database, self.spool.flush):
            pass
        while self.calls and self._with_patience(self.database, self.calls.flush):
            pass
        self.orders = self._with_patience(self.database, lambda: leases.heartbeat(self.lease))
        if code == 0:
            self._succeed()
        elif code == EXPLAINED and (error := self._explained()):
            self._refused(error)
        elif (code == STOPPED or self._killed) and self.over and self.orders.desired == "run":
            self._stand_still(self.over)
        elif code == STOPPED or self._killed:
            self._stopped()
        else:
            self._crashed(crash(self.child, code, self.hung))

    def _succeed(self) -> None:
        if self.orders.state != "running":
            self._stopped()
            return
        try:
            stored = self._beating(lambda: results.store(self.lease, self.folder))
            state = self._beating(lambda: results.commit(self.lease, stored))
        except DistillError as error:
            assert self.child
            self._crashed({**error.as_dict(), "log": self.child.log_tail()})
            return
        if state == "succeeded":
            shutil.rmtree(folders.run_folder(self.lease.run_id), ignore_errors=True)
        else:
            self.orders = Orders(self.orders.desired, state)
            self._stopped()

    def _explained(self) -> DistillError | None:
        try:
            found = json.loads((self.folder / "error.json").read_text(encoding="utf-8"))
            error = DistillError(
                str(found["message"]),
                field=found.get("field"),
                hint=found.get("hint"),
                limit=found.get("limit"),
                code=str(found["code"]),
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None
        error.retry = bool(found.get("retry"))
        return error

    def _refused(self, error: DistillError) -> None:
        """The engine (or the preparation) said why it cannot go on."""
        patient = self.lease.attempt < PATIENCE.get(self.lease.kind, sys.maxsize)
        if self.orders.desired == "cancel" or self.orders.state in ("cancelling", "pausing"):
            self._stopped()
        elif error.code in STANDS_STILL and self.orders.state == "running":
            self._stand_still(error)
        elif error.retry and patient:
            spread = random.uniform(0.75, 1.25)  # noqa: S311 - so that runs do not come back all at once
            delay = min(600.0, settings.BACKOFF_SECONDS * 2 ** min(self.lease.attempt - 1, 7)) * spread
            self._release(
                "retry_wait",
                error=error.as_dict(),
                reason=error.code if error.code in ("DISK_FULL", "TEACHER_DOWN") else "BACKOFF",
                delay=delay,
            )
        else:
            self._release("failed", error=error.as_dict())

    def _stand_still(self, error: DistillError) -> None:
        """A hard cap was reached, or rows wait for a review: the run pauses with what is there until a person goes on."""
        self._keep_outputs()
        self._with_patience(self.database, lambda: leases.change(self.lease, "pausing", "running"))
        self.orders = Orders(self.orders.desired, "pausing")
        self._release("paused", error=error.as_dict())

    def _keep_outputs(self) -> None:
        """What was written so far, opened and used while the run stands still."""
        if self.lease.kind == "distill":
            self._beating(lambda: results.keep_outputs(self.lease, self.folder))

    def _stopped(self) -> None:
        """It was asked to stop and did, or had to be killed: where it goes depends on who asked."""
        if self.orders.state == "running" and self.orders.desired != "run":
            self._with_patience(
                self.database,
                lambda: leases.change(
                    self.lease, "cancelling" if self.orders.desired == "cancel" else "pausing", "running"
                ),
            )
            self.orders = Orders(self.orders.desired, "cancelling" if self.orders.desired == "cancel" else "pausing")
        if self.orders.state == "cancelling":
            self._release("cancelled")
        elif self.orders.state == "pausing" and self.orders.desired == "cancel":
            self._crashed(None)  # pausing -> cancelled is the reaper's to decide
        elif self.orders.state == "pausing":
            self._keep_outputs()
            self._release("paused")
        else:
            self._release("retry_wait")

    def _crashed(self, error: dict[str, Any] | None) -> None:
        state = self._with_patience(self.database, lambda: reaper.bury(self.lease, error))
        log.warning(
            "run %s, attempt %d: %s, now %s",
            self.lease.run_id,
            self.lease.attempt,
            (error or {}).get("message", "ended"),
            state,
        )

    def _release(self, state: str, **values: Any) -> None:
        self._with_patience(self.database, lambda: leases.release(self.lease, state, **values))

    # -- patience -------------------------------------------------------------------------------------------------

    def _with_patience(self, caller: Caller, call: Callable[[], Any], seconds: float = 10) -> Any:
        """The call's result, repeated until the database answers. Raises LeaseLost, DistillError and OSError of the call."""
        pause = 0.2
        while True:
            try:
                return caller(call, seconds)
            except AWAY as error:
                log.warning("the database is away, waiting: %s", type(error).__name__)
                time.sleep(pause)
                pause = min(5.0, pause * 2)

    def _beating(self, call: Callable[[], Any]) -> Any:
        """A long call while the heart keeps beating; repeated until the database takes it."""
        while True:
            future: Future[Any] = self.uploads.start(call)
            try:
                while not future.done():
                    self._talk()
                    time.sleep(TICK_SECONDS)
            except LeaseLost:
                return future.result(STORE_SECONDS)  # lost, or given back by this very call: it knows
            try:
                return future.result()
            except AWAY as error:
                log.warning("the database is away, the call is repeated: %s", type(error).__name__)
                time.sleep(1)

    def _broken(self) -> None:
        """An error of ours: the attempt counts as a crash, so that it cannot repeat for ever."""
        error = {
            "code": "SUPERVISOR_ERROR",
            "message": "The workbench made an error while it looked after this run.",
            "hint": "Tell whoever runs it: the worker's log has the details.",
            "retry": True,
        }
        try:
            self._end_child()
            self._crashed(error)
        except Exception:
            log.exception("run %s: its end could not be written; the reaper will", self.lease.run_id)

    def _end_child(self) -> None:
        if self.child and self.child.poll() is None:
            self.child.kill()
            self._wait(10)
