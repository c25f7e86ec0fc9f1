"""The agents of a worker process: one thread a slot that claims and supervises, one that listens, one that reaps.

They live beside the Celery consumer and need nothing from it: a deaf or absent broker costs a poll interval.
"""

from __future__ import annotations

import logging
import os
import threading
import time
import uuid
from collections.abc import Callable

import psycopg
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection

from workbench.sweeps import actions as sweeps

from . import lease as leases
from . import reaper, slots, sweeping
from .deadline import Caller
from .slots import Place
from .supervisor import Supervisor
from .wake import bell

log = logging.getLogger("jobs.agent")


class Agent(threading.Thread):
    """Works for one slot: look, claim, supervise, look again."""

    def __init__(self, place: Place, stopping: threading.Event) -> None:
        super().__init__(name=f"agent-{place.name}")
        self.place = place
        self.stopping = stopping
        self.owner = f"{slots.host()}:{os.getpid()}:{place.name}:{uuid.uuid4().hex[:8]}"
        self.database = Caller(f"claim-{place.name}")
        self.supervisor: Supervisor | None = None
        self._lock: int | None = None
        self._slot_id: int | None = None

    def run(self) -> None:
        rings = bell.rings
        while not self.stopping.is_set():
            try:
                worked = self._take_slot() and self._once()
            except DatabaseError as error:
                worked = False
                log.warning("%s: the database is away: %s", self.place.name, type(error).__name__)
            except Exception:
                worked = False
                log.exception("%s: unexpected error; the agent goes on", self.place.name)
            if not worked:
                rings = bell.wait(rings, settings.POLL_SECONDS)
        self.database.close()
        if self._lock is not None:
            os.close(self._lock)

    def _take_slot(self) -> bool:
        """Once: the machine's lock, the row of the slot, and the run that a dead agent left on it."""
        if self._slot_id is not None:
            return True
        if self._lock is None:
            self._lock = slots.lock(self.place)
        if self._lock is None:
            log.warning("%s: this slot is busy: another worker on this machine has it", self.place.name)
            return False
        slot = self.database(lambda: slots.register(self.place))
        self.database(lambda: reaper.reclaim_slot(slot.pk, self.owner))
        self._slot_id = slot.pk
        return True

    def _once(self) -> bool:
        """Claims and supervises one run; False when there was nothing to do."""
        slot_id = self._slot_id
        assert slot_id is not None and self._lock is not None
        self.database(lambda: slots.seen(slot_id))
        lease = self.database(lambda: leases.claim(self.place.queue, slot_id, self.owner))
        if lease is None:
            return False
        log.info("%s: run %s, attempt %d", self.place.name, lease.run_id, lease.attempt)
        self.supervisor = Supervisor(lease, self.stopping, held=(self._lock,), device_env=self.place.env)
        try:
            self.supervisor.run()
        finally:
            self.supervisor = None
        return True


class Listener(threading.Thread):
    """PostgreSQL's notifications: new work rings the bell, a changed row nudges its supervisor."""

    def __init__(self, agents: list[Agent], stopping: threading.Event) -> None:
        super().__init__(name="listener", daemon=True)
        self.agents = agents
        self.stopping = stopping

    def run(self) -> None:
        while not self.stopping.is_set():
            try:
                self._listen()
            except (psycopg.Error, DatabaseError):
                time.sleep(2)

    def _listen(self) -> None:
        params = connection.get_connection_params()
        with psycopg.connect(
            **{k: params[k] for k in params if k not in ("cursor_factory", "context")}, autocommit=True
        ) as listening:
            listening.execute("listen run_ready")
            listening.execute("listen run_changed")
            bell.ring()  # what came before we listened
            while not self.stopping.is_set():
                for notice in listening.notifies(timeout=2):
                    self._hear(notice.channel, notice.payload)
                listening.execute("select 1")

    def _hear(self, channel: str, payload: str) -> None:
        if channel == "run_ready":
            bell.ring()
        for agent in self.agents:
            if (supervisor := agent.supervisor) and supervisor.lease.run_id == payload:
                supervisor.nudge.set()


class Reaper(threading.Thread):
    """Every few seconds one round; the database lets only one reaper of all workers in."""

    def __init__(self, stopping: threading.Event) -> None:
        super().__init__(name="reaper", daemon=True)
        self.stopping = stopping

    def run(self) -> None:
        database, swept = Caller("reaper"), 0.0
        while not self.stopping.wait(max(0.2, min(5.0, settings.LEASE_SECONDS / 6))):
            try:
                database(reaper.reap)
                if time.monotonic() - swept > sweeping.PAUSE_SECONDS:
                    swept = time.monotonic()
                    database(sweeping.sweep)
                database(sweeps.advance_all, seconds=120)  # a round compiles a plan for each of its settings
            except DatabaseError as error:
                log.warning("reaper: the database is away: %s", type(error).__name__)
            except Exception:
                log.exception("reaper: unexpected error; it goes on")
        database.close()


class AgentGroup:
    """All threads of one worker process."""

    def __init__(self, queues: list[str], places: Callable[[str], list[Place]] = slots.places) -> None:
        self.stopping = threading.Event()
        self.agents = [Agent(place, self.stopping) for queue in queues for place in places(queue)]
        self.helpers = [Listener(self.agents, self.stopping), Reaper(self.stopping)]

    def start(self) -> None:
        for thread in [*self.agents, *self.helpers]:
            thread.start()

    def stop(self) -> None:
        """Engines checkpoint, runs go back to the queue, threads end. Twice is once."""
        self.stopping.set()
        bell.ring()
        for agent in self.agents:
            agent.join(settings.STOP_SECONDS + 30)
