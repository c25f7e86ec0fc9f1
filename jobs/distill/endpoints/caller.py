"""One question to an endpoint: sent, read, judged, and tried again where another try may help."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

from ..asking.request import Reply, Request
from ..errors import DistillError, Transient
from ..net.addresses import Address
from ..recipe.endpoint import Endpoint
from .anthropic import Messages
from .gate import Gate
from .judge import judged
from .openai import Chat, Completions
from .patience import Patience, check_status
from .problems import FIELD, MESSAGE, Again, Bad, EndpointFailed, Problem, Refusal, one_line
from .purse import Cost, Purse
from .stream import Events
from .style import SEEN, Said, Style, load
from .wire import Wire

STYLES: dict[str, type[Style]] = {"openai-chat": Chat, "openai-completions": Completions, "anthropic": Messages}

Sleep = Callable[[float], Awaitable[bool]]


@dataclass
class Health:
    """Failures of the endpoint in a row. Those of questions that were under way together count as one: sixty-four
    connections that one hiccup broke are one hiccup."""

    failures: int = 0
    last: float = 0.0
    answers: dict[str, str] = field(default_factory=dict)  # id of a recent answer -> its question

    def failed(self, began: float) -> int:
        if began >= self.last:
            self.failures, self.last = self.failures + 1, time.monotonic()
        return self.failures

    def answered(self, said: Said, request: Request) -> None:
        """Raises Bad for an answer that was given to another question already: somebody mixes them up."""
        if len(said.id) >= SEEN:
            if self.answers.get(said.id, request.sha256) != request.sha256:
                raise Bad("the same answer, by its id, was given to another question.")
            self.answers[said.id] = request.sha256
            if len(self.answers) > 4096:
                del self.answers[next(iter(self.answers))]
        self.failures = 0


class Caller:
    """Everything about one endpoint that its questions share. For one event loop."""

    def __init__(
        self,
        endpoint: Endpoint,
        address: Address,
        key: str,
        patience: Patience,
        purse: Purse,
        say: Callable[[str], None],
    ) -> None:
        self.endpoint, self.address, self.patience, self.purse = endpoint, address, patience, purse
        self.style = STYLES[endpoint.style](endpoint, address)
        self.gate = Gate(endpoint.requests_per_minute, endpoint.tokens_per_minute)
        self.health, self._key, self._say = Health(), key, say
        accept = "text/event-stream" if endpoint.stream else "application/json"
        shared = {
            "Host": address.place,
            "User-Agent": "distillation-workbench",
            "Accept": accept,
            "Accept-Encoding": "identity",
            "Content-Type": "application/json",
            **dict(self.style.headers(key)),
        }
        self._shared = "".join(f"{name}: {value}\r\n" for name, value in shared.items())

    async def ask(self, wire: Wire, request: Request, sleep: Sleep) -> Reply | None:
        """The final reply; None when asked to stop before it was sent. Raises DistillError for what ends the run, Transient
        when the endpoint is down."""
        tries = bad = busy = 0
        while True:
            cost = self.purse.most(request)
            if not await self.gate.turn(cost.tokens, sleep):
                return None
            aside = self.purse.set_aside(cost)
            while aside is None:
                self.gate.settle(cost.tokens, 0)
                if not await sleep(0.05):
                    return None
                aside = self.purse.set_aside(cost)
            began = time.monotonic()
            try:
                reply = await self._once(wire, request)
            except Refusal as e:
                self._settle(aside, cost, Cost())
                return Reply(request.sha256, "", "refused", model=self.endpoint.model, why=str(e))
            except Problem as e:
                self._settle(aside, cost, None if e.spent else Cost())
                if isinstance(e, Again) and e.busy:
                    busy += 1
                    wait = self.patience.pause(busy) if e.wait is None else e.wait
                    self._slow_down(wait, str(e))
                    if busy >= self.patience.busy:
                        raise self._down(str(e), busy) from None
                    continue
                tries, bad = tries + 1, bad + isinstance(e, Bad)
                if (failures := self.health.failed(began)) >= self.patience.down:
                    raise self._down(str(e), failures) from None
                if tries >= self.patience.tries or bad >= self.patience.bad:
                    return Reply(
                        request.sha256,
                        "",
                        "failed",
                        model=self.endpoint.model,
                        why=f"{e} ({tries} tries)",
                        paid=e.spent,
                    )
                wait = e.wait if isinstance(e, Again) and e.wait is not None else self.patience.pause(tries)
                if not await sleep(wait):
                    return None
            except BaseException:
                self._settle(aside, cost, None)
                raise
            else:
                self._settle(aside, cost, Cost(reply.price, reply.tokens_in + reply.tokens_out))
                return reply

    async def _once(self, wire: Wire, request: Request) -> Reply:
        """One try. Whatever the other side says of a trouble is made fit to be shown and kept: it may repeat our key."""
        try:
            reply = await self._tried(wire, request)
        except Problem as e:
            e.args = (one_line(str(e.args[0]), self._key, MESSAGE), *e.args[1:])
            raise
        return replace(reply, why=one_line(reply.why, self._key, MESSAGE)) if reply.why else reply

    async def _tried(self, wire: Wire, request: Request) -> Reply:
        body, began = self.style.body(request), time.monotonic()
        head = self._head(
            "POST", self.style.target, f"Content-Length: {len(body)}\r\nIdempotency-Key: {request.sha256}\r\n"
        )
        reader = self.style.reader() if self.endpoint.stream else None
        events = Events(reader.event) if reader else None
        answer = await wire.exchange("POST", self.style.target, head, body, events.feed if events else None)
        check_status(answer, self.address.host, self.endpoint.model, self._key, self.patience)
        streamed = reader is not None and "event-stream" in answer.headers.get("content-type", "")
        framed = "chunked" in answer.headers.get("transfer-encoding", "").lower() or "content-length" in answer.headers
        said = reader.end(framed) if reader and streamed else self.style.read(load(answer.body))
        reply = judged(said, request, self.endpoint, self.purse, time.monotonic() - began)
        self.health.answered(said, request)
        return reply

    async def get(self, wire: Wire, target: str) -> dict[str, Any]:
        """The JSON object at another path of the endpoint. Raises EndpointFailed or a Problem."""
        answer = await wire.exchange("GET", target, self._head("GET", target), b"")
        check_status(answer, self.address.host, self.endpoint.model, self._key, self.patience)
        return load(answer.body)

    def _head(self, method: str, target: str, more: str = "") -> bytes:
        """Nothing in it can end a line: address and key were checked for that, the rest is ours."""
        return f"{method} {target} HTTP/1.1\r\n{self._shared}{more}\r\n".encode("ascii")

    def _settle(self, aside: int, most: Cost, cost: Cost | None) -> None:
        self.purse.settle(aside, cost)
        self.gate.settle(most.tokens, most.tokens if cost is None else cost.tokens)

    def _slow_down(self, seconds: float, why: str) -> None:
        self.gate.close(seconds)
        if seconds >= 5:
            self._say(f"{why} Waiting {seconds:,.0f} s.")

    def _down(self, why: str, failures: int) -> Transient:
        return Transient(
            f"The endpoint {self.address.host} failed {failures} times in a row: {why}",
            code="TEACHER_DOWN",
            field=FIELD,
            hint="It is tried again later; what was answered is kept.",
        )


def key_of(endpoint: Endpoint, environment: dict[str, str]) -> str:
    """The key from its environment variable; empty where the endpoint needs none. Raises EndpointFailed."""
    if endpoint.key_env is None:
        return ""
    key = environment.get(endpoint.key_env, "").strip()
    problem: DistillError | None = None
    if not key:
        problem = EndpointFailed(
            f"The environment variable {endpoint.key_env}, which should hold the endpoint's key, is empty.",
            code="KEY_MISSING",
            field=f"{FIELD}.key_env",
            hint="Set it where the run is started, or store the key with the endpoint.",
        )
    elif not (key.isascii() and key.isprintable()) or " " in key:
        problem = EndpointFailed(
            f"What {endpoint.key_env} holds is no key: keys have no spaces, line breaks or letters beyond ASCII.",
            code="KEY_INVALID",
            field=f"{FIELD}.key_env",
        )
    if problem:
        raise problem
    return key
