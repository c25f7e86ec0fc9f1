"""How many threads a run on the CPU takes: a function of the machine and the models, so that a resumed run adds up alike."""

from __future__ import annotations

import pytest

from jobs.distill import device


@pytest.fixture(autouse=True)
def four_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WB_THREADS", raising=False)
    monkeypatch.setattr(device, "_cores", lambda: 4)


def test_it_takes_one_thread_for_narrow_layers() -> None:
    threads, why = device._threads(128)
    assert threads == 1
    assert "layers of 128 are too narrow" in why


def test_it_takes_every_core_for_wide_layers_and_when_nothing_is_known() -> None:
    assert device._threads(1024)[0] == device._threads(None)[0] == 4


def test_it_does_what_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WB_THREADS", "3")
    assert device._threads(128) == (3, "3 threads, as WB_THREADS says")
