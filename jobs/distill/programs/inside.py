"""Runs beside the program in the sandbox: sets limits, runs it, tries its tests, reports. Imports nothing of ours.

Standard input: one JSON object {program, tests, entry, input, report, word, limits}. The report goes to the descriptor
`report`, one JSON line each, beginning with a word that only this run knows: what a program prints is never taken for it.
"""

from __future__ import annotations

import io
import json
import os
import resource
import sys
import traceback
import types
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

SHOWN = 300  # characters of an error


def limit(limits: dict[str, int]) -> None:
    """None of these can be raised again from inside."""
    for name, value in limits.items():
        # One second more before the kernel kills, so that the signal says which limit it was.
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (value, value + (name == "CPU")))


def said(e: BaseException) -> str:
    """The error as one sentence, with the line of the program it came from."""
    lines = [frame.lineno for frame in traceback.extract_tb(e.__traceback__) if frame.filename == "program"]
    if isinstance(e, SyntaxError) and e.filename == "program":
        lines = [e.lineno]
    place = f"line {lines[-1]}: " if lines else ""
    text = f"{place}{type(e).__name__}"
    try:
        return f"{text}: {e}"[:SHOWN] if str(e) else text[:SHOWN]
    except BaseException:  # the program's own exception may refuse to be printed
        return text[:SHOWN]


def tries(tests: Any, entry: str, names: dict[str, Any]) -> Iterator[tuple[str, Callable[[], Any]]]:
    """(name, test) of what a row brings: statements, or a module with test functions, test classes or check(candidate)."""
    if isinstance(tests, list):
        for number, text in enumerate(tests, 1):
            yield str(number), lambda text=text: exec(compile(text, "test", "exec"), dict(names))  # type: ignore[misc]  # noqa: S102
        return
    there = dict(names)
    exec(compile(tests, "tests", "exec"), there)  # noqa: S102
    found = False
    for name, value in list(there.items()):
        if name in names and names[name] is value:
            continue
        if name == "check" and entry and callable(value):
            found = True
            yield name, lambda value=value: value(names[entry])  # type: ignore[misc]
        elif name.startswith("test") and isinstance(value, types.FunctionType):
            found = True
            yield name, value
        elif name.startswith("Test") and isinstance(value, type):
            for method in [m for m in vars(value) if m.startswith("test")]:
                found = True
                yield f"{name}.{method}", lambda value=value, method=method: _method(value, method)  # type: ignore[misc]
    if not found:
        yield "module", lambda: None


def _method(made: type, method: str) -> None:
    one = made(method) if hasattr(made, "assertEqual") else made()
    for step in ("setUp", method, "tearDown"):
        if hasattr(one, step):
            getattr(one, step)()


def leave() -> NoReturn:
    """Ends at once: nothing the program left behind runs any more."""
    try:
        sys.stdout.flush()
    finally:
        os._exit(0)


def main() -> None:
    job = json.loads(sys.stdin.buffer.read())
    report, word = job["report"], job["word"]

    def tell(**what: Any) -> None:
        os.write(report, (word + json.dumps(what) + "\n").encode())

    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)  # the program must not read its own job again
    os.close(nothing)
    limit(job["limits"])
    sys.stdin = io.TextIOWrapper(io.BytesIO(job["input"].encode()), encoding="utf-8")
    sys.argv = ["program"]
    tested = job["tests"] is not None
    module = types.ModuleType("solution" if tested else "__main__")
    sys.modules["solution"] = sys.modules["__main__"] = module
    try:
        exec(compile(job["program"], "program", "exec"), module.__dict__)  # noqa: S102
    except SystemExit as e:
        if e.code not in (None, 0):
            tell(wrong=f"the program ended itself with {str(e.code)[:80]}")
        elif tested:
            tell(wrong="the program ended itself before its tests")
            leave()
    except BaseException as e:
        tell(wrong=said(e))
        leave()
    if tested:
        try:
            for name, test in tries(job["tests"], job["entry"], module.__dict__):
                try:
                    test()
                    tell(test=name[:80], wrong="")
                except BaseException as e:
                    tell(test=name[:80], wrong=said(e))
        except BaseException as e:
            tell(wrong=f"the tests cannot run: {said(e)}")
    tell(done=True)
    leave()


if __name__ == "__main__":
    main()
