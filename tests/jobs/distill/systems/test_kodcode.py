"""Only triplets whose solution passes its own tests in the sandbox survive; attempts grow for failing items; pass rate
stored."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.distill.programs.sandbox import unavailable
from tests.jobs.distill import scripted
from tests.jobs.distill.systems import writing

WORK = [("double", "2 * x"), ("negate", "-x"), ("never", "x")]


def says(asked: str) -> str:
    name, body = next((n, b) for n, b in WORK if n in asked)
    if "Write a solution" not in asked:
        return f"Write {name}(x), tested with 3."
    wrong = name == "never" or (name == "negate" and asked.endswith("(none)"))
    expected = {"double": 6, "negate": -3, "never": 0}[name]
    return (
        f"```python\ndef {name}(x):\n    return {'x + 40' if wrong else body}\n```\nTESTS\n"
        f"```python\ndef test_it():\n    assert {name}(3) == {expected}\n```"
    )


@pytest.mark.skipif(unavailable() is not None, reason=str(unavailable()))
def test_only_triplets_that_pass_survive(tmp_path: Path) -> None:
    given = [(f"About how to {name}", None) for name, _ in WORK]
    folder = writing.run(tmp_path, "kodcode", given, says, {"attempts": 3, "sampling": 0, "restyled": False})
    made = {r["messages"][0]["content"].split("(")[0]: r for r in scripted.output(folder, "triplets")}
    assert {name: (r["attempts"], r["pass_rate"]) for name, r in made.items()} == {
        "Write double": (1, 1.0),
        "Write negate": (2, 0.5),
    }
    assert all(r["tests"].startswith("def test_it") for r in made.values())
    (lost,) = scripted.rejected(folder, "triplets")
    assert "none of 3 attempts passes its own tests; the last: test_it fails" in lost["reason"]
