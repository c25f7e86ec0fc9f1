"""`make up`: starts everything, says where it is, stays until Ctrl-C, stops what it started."""

from __future__ import annotations

import signal
import sys
import time

from . import database, first_login
from .bootstrap import Stop
from .stack import Stack, data_dir_from_environment, port_from_environment


def main() -> int:
    for name in (signal.SIGINT, signal.SIGTERM):  # a shell that starts us in the background has SIGINT ignored
        signal.signal(name, signal.default_int_handler)
    began = time.monotonic()
    try:
        with Stack(data_dir_from_environment(), port_from_environment(), say) as stack:
            greet(stack, time.monotonic() - began)
            return stay(stack)
    except Stop as e:
        print(f"\n{e}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        say("Stopped.")
        return 0


def greet(stack: Stack, seconds: float) -> None:
    email, password = first_login.ensure(stack.data_dir)
    secret = password or "the one you chose"
    say(
        f"\nThe workbench is ready ({seconds:.0f} s):\n\n    {stack.url}\n\n    e-mail    {email}\n    password  {secret}\n\nCtrl-C stops everything. Logs: {stack.group.logs}"
    )


def stay(stack: Stack) -> int:
    """Until Ctrl-C; a worker or the web server that ends by itself ends the whole with the end of its log."""
    while True:
        if dead := stack.group.dead():
            print(f"\n{dead.name} ended by itself. The end of its log:\n{dead.tail()}", file=sys.stderr)
            return 1
        if database.revive():
            say("The database had ended; it was started again.")
        time.sleep(0.5)


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
