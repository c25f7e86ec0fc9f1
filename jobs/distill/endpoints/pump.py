"""Many questions at once, in a thread of its own: connections, claims, the ledger, and the flush that makes replies last.

The thread that asks reads its questions and takes replies; this one never runs its code. A reply is written to the ledger
in the moment it arrives (a kill loses none) and handed over when it is flushed; flushes are shared.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Sequence

from ..asking.ledger import Answers
from ..asking.request import Reply, Request
from .caller import Caller
from .wire import Line, Wire

LOOK = 0.1  # seconds between two looks at a question that another run asks

Arrived = tuple[str, Reply | None]  # request hash, its reply; None: not asked, as it was to stop


class Pump:
    """`feed` questions, take what `arrived`. After `hold` nothing more is sent; what is under way is finished."""

    def __init__(self, make: Callable[[], Caller], line: Line, answers: Answers, concurrency: int) -> None:
        self._make, self._line, self._answers, self._concurrency = make, line, answers, concurrency
        self._arrived: queue.SimpleQueue[list[Arrived]] = queue.SimpleQueue()
        self._unflushed: queue.SimpleQueue[tuple[int, Arrived] | None] = queue.SimpleQueue()
        self._ready = threading.Event()
        self.error: BaseException | None = None
        self._waiting_for_disk = 0
        self._threads = [
            threading.Thread(target=work, name=f"endpoint-{name}", daemon=True)
            for name, work in (("asking", lambda: asyncio.run(self._run())), ("flushing", self._flush))
        ]
        for thread in self._threads:
            thread.start()
        self._ready.wait()

    # -- for the thread that asks -----------------------------------------------------------------------------------

    def feed(self, requests: Sequence[Request]) -> None:
        self._loop.call_soon_threadsafe(self._take, list(requests))

    def arrived(self, seconds: float) -> list[Arrived]:
        """What came since, as soon as something came; empty after so many seconds."""
        try:
            out = self._arrived.get(timeout=seconds)
        except queue.Empty:
            return []
        while True:
            try:
                out += self._arrived.get_nowait()
            except queue.Empty:
                return out

    def hold(self) -> None:
        self._loop.call_soon_threadsafe(self._held.set)

    def close(self) -> None:
        """Returns when everything under way is finished and kept."""
        if self._threads[0].is_alive():
            self._loop.call_soon_threadsafe(self._end)
        for thread in self._threads:
            thread.join()

    # -- in the loop ------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        self._loop, self._held = asyncio.get_running_loop(), asyncio.Event()
        self._todo: asyncio.Queue[Request | None] = asyncio.Queue()
        self._others: set[asyncio.Task[None]] = set()
        self._room = asyncio.Event()
        self._room.set()
        self._caller = self._make()
        self._ready.set()
        try:
            async with asyncio.TaskGroup() as workers:
                for _ in range(self._concurrency):
                    workers.create_task(self._work())
        finally:
            for task in self._others:
                task.cancel()
            self._caller.purse.close()
            self._unflushed.put(None)

    def _take(self, requests: list[Request]) -> None:
        for request in requests:
            self._todo.put_nowait(request)

    def _end(self) -> None:
        self._held.set()
        for _ in range(self._concurrency):
            self._todo.put_nowait(None)

    async def _work(self) -> None:
        wire = Wire(self._line, self._caller.patience)
        try:
            while (request := await self._todo.get()) is not None:
                await self._room.wait()
                await self._one(wire, request)
        finally:
            await wire.close()

    async def _one(self, wire: Wire, request: Request) -> None:
        """Ends with the request handed over, whatever happens."""
        sha = request.sha256
        if self._held.is_set():
            self._hand_over(0, (sha, None))
        elif not self._answers.claims.take(sha):
            self._others.add(task := self._loop.create_task(self._wait_for_another(request)))
            task.add_done_callback(self._others.discard)
        else:
            mark, reply = 0, None
            try:
                reply = self._answers.get(sha)
                if reply is None and (reply := await self._caller.ask(wire, request, self._sleep)) is not None:
                    mark = self._answers.write(request, reply)
            except BaseException as e:
                self.error, reply = self.error or e, None
                self._held.set()
                if not isinstance(e, Exception):
                    raise
            finally:
                self._answers.claims.give(sha)
                self._hand_over(mark, (sha, reply))

    async def _wait_for_another(self, request: Request) -> None:
        """Another run asks this very question: its reply, or the question back in the queue when it gave up."""
        while await self._sleep(LOOK):
            if (reply := self._answers.get(request.sha256)) is not None:
                self._hand_over(0, (request.sha256, reply))
                return
            if self._answers.claims.take(request.sha256):
                self._answers.claims.give(request.sha256)
                self._todo.put_nowait(request)
                return
        self._hand_over(0, (request.sha256, None))

    async def _sleep(self, seconds: float) -> bool:
        """False as soon as nothing more is to be sent."""
        try:
            async with asyncio.timeout(seconds):
                await self._held.wait()
        except TimeoutError:
            return True
        return False

    # -- flushing ---------------------------------------------------------------------------------------------------

    def _hand_over(self, mark: int, arrived: Arrived) -> None:
        """No more replies wait for the disk than questions can be under way."""
        self._waiting_for_disk += 1
        if self._waiting_for_disk >= self._concurrency:
            self._room.clear()
        self._unflushed.put((mark, arrived))

    def _flushed(self, count: int) -> None:
        self._waiting_for_disk -= count
        if self._waiting_for_disk < self._concurrency:
            self._room.set()

    def _flush(self) -> None:
        going = True
        while going:
            batch = [self._unflushed.get()]
            while not self._unflushed.empty():
                batch.append(self._unflushed.get())
            going = None not in batch
            items = [b for b in batch if b is not None]
            if not items:
                continue
            try:
                self._answers.sync(max(mark for mark, _ in items))
            except OSError as e:
                self.error = self.error or e
            self._arrived.put([arrived for _, arrived in items])
            if going:
                self._loop.call_soon_threadsafe(self._flushed, len(items))
