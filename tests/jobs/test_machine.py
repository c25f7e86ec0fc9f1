"""Anybody does anything in any order: people, live workers, zombies, the reaper, a lost acknowledgement. What stays true?"""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from jobs import lease as leases
from jobs import reaper, results
from jobs.lease import LeaseLost
from jobs.results.outcome import Outcome
from workbench.runs import actions, blobs
from workbench.runs.actions import NotPossible
from workbench.runs.models import ACTIVE, Run, Slot
from workbench.team.models import Team

LONG_AGO = "2020-01-01T00:00:00Z"
anybody = st.integers(0, 99)


class Machine(RuleBasedStateMachine):
    """Two slots, a few runs, and every lease ever given: old ones are zombies."""

    @initialize()
    def begin(self) -> None:
        Run.objects.all().delete()
        self.team = Team.objects.create(name="T")
        self.slots = [
            Slot.objects.get_or_create(host="h", name=f"gpu-{n}", defaults={"queue": "gpu"})[0].pk for n in range(2)
        ]
        self.given: list[leases.Lease] = []
        self.fences: dict[str, int] = {}
        self.won: dict[str, int] = {}
        self.blob = blobs.put(b"adapter")

    # -- people

    @rule()
    def submit(self) -> None:
        if Run.objects.count() < 4:
            actions.start_run("distill", self.team, None, "Run", {})

    @rule(which=anybody, verb=st.sampled_from([actions.cancel, actions.pause, actions.resume, actions.retry]))
    def ask(self, which: int, verb) -> None:
        if runs := list(Run.objects.order_by("number")):
            with contextlib.suppress(NotPossible):
                verb(runs[which % len(runs)])

    # -- workers, dead or alive

    @rule(slot=st.integers(0, 1))
    def claim(self, slot: int) -> None:
        Run.objects.filter(state="retry_wait").update(not_before=LONG_AGO)
        if lease := leases.claim("gpu", self.slots[slot], "owner"):
            self.given.append(lease)

    def _try(self, which: int, call) -> None:
        if not self.given:
            return
        lease = self.given[which % len(self.given)]
        fence = Run.objects.get(pk=lease.run_id).fence
        try:
            call(lease)
        except LeaseLost:
            return
        assert fence == lease.fence, "a zombie was heard"

    @rule(which=anybody, step=st.integers(0, 5))
    def beat(self, which: int, step: int) -> None:
        def call(lease: leases.Lease) -> None:
            if (
                Run.objects.get(pk=lease.run_id).state in ACTIVE
                or Run.objects.get(pk=lease.run_id).fence != lease.fence
            ):
                leases.heartbeat(lease, step)

        self._try(which, call)

    @rule(which=anybody)
    def start(self, which: int) -> None:
        self._try(which, lambda lease: leases.change(lease, "running", "claimed"))

    @rule(which=anybody)
    def obey(self, which: int) -> None:
        def call(lease: leases.Lease) -> None:
            orders = leases.orders(lease)
            if orders.state == "running" and orders.desired != "run":
                leases.change(lease, "cancelling" if orders.desired == "cancel" else "pausing", "running")
            elif orders.state in ("cancelling", "pausing"):
                leases.release(lease, {"cancelling": "cancelled", "pausing": "paused"}[orders.state])

        self._try(which, call)

    @rule(which=anybody, again=st.booleans())
    def finish(self, which: int, again: bool) -> None:
        stored = results.Stored(Outcome({}, {}, ("adapter",)), {"adapter": self.blob})

        def call(lease: leases.Lease) -> None:
            for _ in range(1 + again):  # the acknowledgement was lost: once more
                if results.commit(lease, stored) == "succeeded":
                    assert self.won.setdefault(lease.run_id, lease.fence) == lease.fence

        self._try(which, call)

    @rule(which=anybody, state=st.sampled_from(["failed", "retry_wait"]))
    def give_up(self, which: int, state: str) -> None:
        def call(lease: leases.Lease) -> None:
            if leases.orders(lease).state in ("claimed", "running"):
                leases.release(lease, state, error={"code": "X", "message": "x"})

        self._try(which, call)

    @rule(which=anybody)
    def crash(self, which: int) -> None:
        def call(lease: leases.Lease) -> None:
            if leases.orders(lease).state in ACTIVE:
                reaper.bury(lease, {"code": "CRASHED", "message": "x"})

        self._try(which, call)

    # -- time

    @rule(slot=st.integers(0, 1))
    def die(self, slot: int) -> None:
        Run.objects.filter(slot=self.slots[slot]).update(lease_until=LONG_AGO, reap_seen=LONG_AGO)
        reaper.reap()

    # -- what stays true

    @invariant()
    def fences_only_grow(self) -> None:
        for run_id, fence in Run.objects.values_list("id", "fence"):
            assert fence >= self.fences.get(str(run_id), 0)
            self.fences[str(run_id)] = fence

    @invariant()
    def success_has_one_result_of_the_last_owner(self) -> None:
        for run in Run.objects.prefetch_related("artifacts"):
            fences = [a.fence for a in run.artifacts.all()]
            assert fences == ([run.fence] if run.state == "succeeded" else [])

    @invariant()
    def history_has_no_gap(self) -> None:
        for run in Run.objects.all():
            steps = [e.data for e in run.events.filter(type="state").order_by("id")]
            assert all(a["to"] == b["from"] for a, b in zip(steps, steps[1:], strict=False))
            assert steps[-1]["to"] == run.state


@pytest.mark.django_db
@pytest.mark.timeout(600)
def test_it_keeps_its_promises_whatever_happens() -> None:
    chosen = settings(
        max_examples=25,
        stateful_step_count=40,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
        derandomize=True,
    )
    run_state_machine_as_test(Machine, settings=chosen)
