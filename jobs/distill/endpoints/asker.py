"""A teacher behind an address, as an Asker."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from ..asking.ledger import Ledger
from ..asking.request import Progress, Reply, Request
from ..errors import PlanRefused
from ..net.addresses import Allowed, Resolver, read, read_allowed
from ..recipe.endpoint import Endpoint
from .caller import Caller, key_of
from .patience import Patience
from .problems import FIELD
from .pump import Pump
from .purse import Purse
from .wire import Line

ALLOWED = "ALLOWED_PRIVATE_HOSTS"
AHEAD = 2  # times as many questions are read as are under way
LOOK = 0.2  # seconds between two looks at whether to stop


class EndpointAsker:
    """Asks over HTTP, `endpoint.concurrency` questions at once; every reply is in the ledger before it is handed on.

    `journal` and `earlier` hold what the run spent, see purse.py. `allowed`: the administrator's list of private hosts;
    None: that of the environment (ALLOWED_PRIVATE_HOSTS).
    """

    def __init__(
        self,
        name: str,
        endpoint: Endpoint,
        ledger: Ledger,
        *,
        journal: Path | None = None,
        earlier: Iterable[Path] = (),
        allowed: Sequence[Allowed] | None = None,
        patience: Patience | None = None,
        say: Callable[[str], None] = lambda text: None,
        resolver: Resolver | None = None,
    ) -> None:
        self.name, self.endpoint, self.key = name, endpoint, endpoint.key
        self._ledger, self.purse = ledger, Purse(endpoint, journal, earlier)
        self._allowed = read_allowed(os.environ.get(ALLOWED, "")) if allowed is None else tuple(allowed)
        self.patience, self._say, self._resolver = patience or Patience(), say, resolver

    def ask(
        self,
        requests: Iterable[Request],
        progress: Progress = lambda done, of: None,
        stopping: Callable[[], bool] = lambda: False,
    ) -> Iterator[tuple[int, Reply]]:
        """See Asker.ask. Raises AddressRefused, EndpointFailed (key, model, redirect ...), DistillError BUDGET_SPENT, and
        Transient TEACHER_DOWN; whatever was answered before is yielded first, and kept."""
        answers, source = self._ledger.answers(self.key), enumerate(requests)
        places: dict[str, list[int]] = {}  # of questions under way
        pump: Pump | None = None
        reading, done = True, 0
        try:
            while True:
                fresh: list[Request] = []
                while reading and len(places) < AHEAD * self.endpoint.concurrency:
                    if stopping() or (pump and pump.error):
                        reading = False
                        if pump:
                            pump.hold()
                        break
                    if (following := next(source, None)) is None:
                        reading = False
                        break
                    place, request = following
                    self._check(request)
                    if request.sha256 in places:
                        places[request.sha256].append(place)
                    elif (kept := answers.get(request.sha256, look=False)) is not None:
                        done += 1
                        yield place, kept
                        progress(done, None)
                    else:
                        places[request.sha256] = [place]
                        fresh.append(request)
                if fresh:
                    pump = pump or self._pump()
                    pump.feed(fresh)
                if not places or pump is None:
                    break
                for sha, reply in pump.arrived(LOOK):
                    for again, place in enumerate(places.pop(sha)):
                        if reply is not None:
                            done += 1
                            yield place, replace(reply, paid=False) if again else reply
                            progress(done, None)
                if stopping() or pump.error:
                    reading = False
                    pump.hold()
        finally:
            if pump:
                pump.close()
        if pump and pump.error:
            raise pump.error

    def _check(self, request: Request) -> None:
        if request.logprobs > self.endpoint.logprobs:
            raise PlanRefused(
                f"{request.logprobs} log-probabilities a token are asked for; the endpoint {self.name} gives {self.endpoint.logprobs}.",
                field=f"{FIELD}.logprobs",
                hint="Raise the endpoint's logprobs if it gives more, or choose a method that needs fewer.",
            )

    def caller(self) -> Caller:
        """Raises AddressRefused for an address that may not be asked, EndpointFailed for a key that is not there."""
        address, key = read(self.endpoint.url, self._allowed), key_of(self.endpoint, dict(os.environ))
        return Caller(self.endpoint, address, key, self.patience, self.purse, self._say)

    def line(self) -> Line:
        return Line(read(self.endpoint.url, self._allowed), self._allowed, self._resolver)

    def _pump(self) -> Pump:
        caller = self.caller()
        return Pump(lambda: caller, self.line(), self._ledger.answers(self.key), self.endpoint.concurrency)
