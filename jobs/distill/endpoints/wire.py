"""One connection to an endpoint, used for one question after another: judged addresses only, everything bounded.

No redirect is followed, no proxy asked, no cookie kept, nothing unpacked. h11 reads the protocol, strictly.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
import time
from collections.abc import Callable, Sequence
from functools import cache

import h11

from ..net.addresses import Address, AddressRefused, Allowed, Resolver, resolve
from .patience import Patience
from .problems import Answered, Bad, Broken

HEADERS = 64 * 1024  # bytes of an answer's headers
BODY = 32 * 2**20  # bytes of an answer
BLOCK = 64 * 1024

Feed = Callable[[bytes], None]


class Line:
    """Where an endpoint is. Its name is asked for once, and once more when a connection fails; every number is judged."""

    def __init__(self, address: Address, allowed: Sequence[Allowed] = (), resolver: Resolver | None = None) -> None:
        self.address, self._allowed, self._resolver = address, allowed, resolver
        self._numbers, self._turn = list[str](), asyncio.Lock()

    async def numbers(self) -> list[str]:
        """Raises AddressRefused."""
        async with self._turn:
            if not self._numbers:
                look_up = asyncio.get_running_loop().run_in_executor
                self._numbers = await look_up(None, resolve, self.address, self._allowed, self._resolver)
            return self._numbers

    def forget(self) -> None:
        self._numbers = []


class Wire:
    """One question at a time. After any trouble the connection is closed; the next question makes another."""

    def __init__(self, line: Line, patience: Patience) -> None:
        self._line, self._patience = line, patience
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._protocol = h11.Connection(h11.CLIENT)
        self._used = self._over = False

    async def exchange(self, method: str, target: str, head: bytes, body: bytes, feed: Feed | None = None) -> Answered:
        """`head`: the request's first line and headers, up to the empty line. One question and its whole answer; the parts of a streamed one (status 200, text/event-stream) go to `feed`.

        Raises Broken, Bad, AddressRefused. An idle connection that the other side closed meanwhile is made anew, once.
        """
        until = time.monotonic() + self._patience.total
        try:
            if self._writer is None:
                await self._connect()
            try:
                return await self._once(method, target, head, body, feed, until)
            except _Stale:
                await self.close()
                await self._connect()
                return await self._once(method, target, head, body, feed, until)
        except _Stale as e:
            await self.close()
            raise Broken(f"the connection to {self._line.address.host} closed before an answer") from e
        except (OSError, h11.LocalProtocolError) as e:
            await self.close()
            raise Broken(f"the connection to {self._line.address.host} broke: {_reason(e)}") from e
        except BaseException:
            await self.close()
            raise

    async def _connect(self) -> None:
        address, seconds = self._line.address, self._patience.connect
        secure = _context() if address.scheme == "https" else None
        problem: Exception = OSError("it has no address")
        for number in await self._line.numbers():
            try:
                async with asyncio.timeout(seconds):
                    self._reader, self._writer = await asyncio.open_connection(
                        number,
                        address.port,
                        limit=2 * BLOCK,
                        ssl=secure,
                        server_hostname=address.host if secure else None,
                    )
            except TimeoutError:
                problem = TimeoutError(f"no connection within {seconds:g} s")
                continue
            except ssl.SSLCertVerificationError as e:
                raise Broken(f"{address.host} shows no certificate that this machine trusts: {e.verify_message}") from e
            except OSError as e:
                problem = e
                continue
            reached = str(self._writer.get_extra_info("peername")[0])
            if reached.partition("%")[0] != number.partition("%")[0]:
                raise AddressRefused("The connection went elsewhere than it was sent.", field="url")
            self._protocol = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEADERS)
            self._used = self._over = False
            return
        self._line.forget()
        raise Broken(f"{address.place} cannot be reached: {_reason(problem)}")

    async def _once(
        self,
        method: str,
        target: str,
        head: bytes,
        body: bytes,
        feed: Feed | None,
        until: float,
    ) -> Answered:
        assert self._reader and self._writer
        protocol, send = self._protocol, self._protocol.send
        send(h11.Request(method=method, target=target, headers=[("Host", self._line.address.place)]))
        send(h11.EndOfMessage())  # so that it knows what answer to expect; the bytes on the wire are the caller's
        self._writer.write(head + body)
        used, self._used = self._used, True
        if len(body) > BLOCK:
            async with asyncio.timeout(self._patience.idle):
                await self._writer.drain()
        try:
            answer = await self._answer(feed, until, used)
        except h11.RemoteProtocolError as e:
            if self._over:
                raise Broken(f"the connection to {self._line.address.host} closed in the middle of an answer") from e
            raise Bad(f"{self._line.address.host} does not speak HTTP as agreed: {str(e)[:200]}.") from e
        if protocol.our_state is h11.DONE and protocol.their_state is h11.DONE and not protocol.trailing_data[0]:
            protocol.start_next_cycle()
        else:
            await self.close()
        return answer

    async def _answer(self, feed: Feed | None, until: float, used: bool) -> Answered:
        status, headers, parts, size = 0, dict[str, str](), [], 0
        streamed = False
        while True:
            event = self._protocol.next_event()
            if event is h11.NEED_DATA:
                await self._more(until, first=not status, used=used and not status)
            elif isinstance(event, h11.Response):
                status = event.status_code
                headers = {k.decode("ascii", "replace"): v.decode("latin-1") for k, v in event.headers}
                if (packed := headers.get("content-encoding", "identity").lower()) != "identity":
                    raise Bad(f"{self._line.address.host} packed its answer ({packed[:40]}), which nobody asked for.")
                streamed = feed is not None and status == 200 and "event-stream" in headers.get("content-type", "")
            elif isinstance(event, h11.Data):
                size += len(event.data)
                if size > BODY:
                    raise Bad(
                        f"{self._line.address.host}'s answer is longer than {BODY >> 20} MiB, the most that is taken."
                    )
                if streamed and feed is not None:
                    feed(bytes(event.data))
                else:
                    parts.append(bytes(event.data))
            elif isinstance(event, (h11.EndOfMessage, h11.ConnectionClosed)):
                return Answered(status, headers, b"".join(parts))
            # anything else is an interim answer (1xx)

    async def _more(self, until: float, first: bool, used: bool) -> None:
        """More bytes for the protocol, within the time that is left for them."""
        assert self._reader
        patience, left = self._patience, until - time.monotonic()
        silence = patience.first_byte if first else patience.idle
        try:
            if left <= 0:  # said here: bytes that wait already are read without a pause in which the time could end
                raise TimeoutError
            async with asyncio.timeout(min(silence, left)):
                data = await self._reader.read(BLOCK)
        except TimeoutError:
            whole = patience.total if left <= silence else silence
            what = "the answer was not complete" if left <= silence else "nothing came"
            raise Broken(f"{self._line.address.host} took too long: {what} within {whole:g} s") from None
        except ConnectionError as e:
            if used:
                raise _Stale from e
            raise
        if not data and used:
            raise _Stale
        if not data and first:
            raise Broken(f"the connection to {self._line.address.host} closed before an answer")
        self._over = not data
        self._protocol.receive_data(data)

    async def close(self) -> None:
        writer, self._writer, self._reader = self._writer, None, None
        if writer is not None:
            writer.transport.abort()
            with contextlib.suppress(OSError, ssl.SSLError, asyncio.CancelledError):
                await asyncio.wait_for(writer.wait_closed(), 0.5)


class _Stale(Exception):
    """An idle connection had been closed by the other side."""


@cache
def _context() -> ssl.SSLContext:
    return ssl.create_default_context()


def _reason(error: BaseException) -> str:
    number = getattr(error, "errno", None)
    text = os.strerror(number) if number and number > 0 else str(error)
    return text[:120].rstrip(".") or "no reason given"
