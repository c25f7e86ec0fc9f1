"""When the next question may be sent: the endpoint's limits a minute, and the pauses it asks for. For one event loop."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

Sleep = Callable[[float], Awaitable[bool]]  # False when it is not worth waiting any more


class Gate:
    """Questions leave evenly spaced, never more than the limits in any minute. Tokens are counted as they may become at
    most, and corrected when the answer says how many they were."""

    def __init__(self, requests_per_minute: int | None, tokens_per_minute: int | None) -> None:
        self._per_request = 60 / requests_per_minute if requests_per_minute else 0.0
        self._per_token = 60 / tokens_per_minute if tokens_per_minute else 0.0
        self._next_request = self._next_token = self._closed_until = 0.0

    async def turn(self, tokens: int, sleep: Sleep) -> bool:
        """Returns when a question of so many tokens may be sent; False when asked to stop."""
        now = time.monotonic()
        when = max(now, self._next_request, self._next_token)
        self._next_request = when + self._per_request
        self._next_token = max(now, self._next_token) + tokens * self._per_token
        while (wait := max(when, self._closed_until) - time.monotonic()) > 0:
            if not await sleep(wait):
                return False
        return True

    def settle(self, counted: int, used: int) -> None:
        self._next_token -= (counted - used) * self._per_token

    def close(self, seconds: float) -> None:
        """For everybody: the endpoint said that it was asked too often."""
        self._closed_until = max(self._closed_until, time.monotonic() + seconds)
