from __future__ import annotations

from jobs.distill.plan.facts import DeviceFacts

from .conftest import Desk

ONE = DeviceFacts(kind="cuda", name="H200", memory_bytes=139 * 2**30, bfloat16=True, flops=5e14)


def test_it_says_that_every_gpu_takes_a_share(desk: Desk) -> None:
    four = desk.plan(device=ONE.model_copy(update={"count": 4}))
    (choice,) = [c for c in four.choices if c.field == "ranks"]
    assert choice.value == 4 and "WB_RANKS" in choice.why
    assert not [c for c in desk.plan(device=ONE).choices if c.field == "ranks"]
