from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.template import Context, Template
from django.utils import timezone

from workbench.home.templatetags import ui
from workbench.runs.models import State


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0 s"),
        (0.24, "0.2 s"),
        (1.44, "1.4 s"),
        (9.96, "10 s"),
        (59.6, "1 min"),
        (190, "3 min 10 s"),
        (7500, "2 h 5 min"),
        (273600, "3 d 4 h"),
        (None, "–"),
        (float("nan"), "–"),
        ("x", "–"),
    ],
)
def test_it_writes_durations(value: Any, text: str) -> None:
    assert ui.duration(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (3.4 * 2**30, "3.4 GiB"), (2**60, "1048576 TiB"), (None, "–")],
)
def test_it_writes_sizes(value: Any, text: str) -> None:
    assert ui.bytes_(value) == text


def test_it_never_shows_a_score_without_interval_and_count() -> None:
    text = ui.score({"value": 0.744, "low": 0.71, "high": 0.778, "n": 1000})
    assert "0.744" in text and "0.710 to 0.778" in text and "n = 1,000" in text


@pytest.mark.parametrize("state", State.values)
def test_it_gives_every_state_a_word_an_icon_and_a_colour(state: str) -> None:
    text = ui.status(state)
    assert State(state).label in text and "<use href" in text and "status-" in text


def test_it_escapes_what_people_typed() -> None:
    text = Template('{% load ui %}{% status s %}{% icon "check" label=s %}{{ s|as_json }}').render(
        Context({"s": "<script>"})
    )
    assert "<script>" not in text


def test_it_says_how_long_ago() -> None:
    now = timezone.now()
    assert "3 min ago" in ui.ago(now - timedelta(minutes=3, seconds=5)) and "in 2 h" in ui.ago(
        now + timedelta(hours=2, minutes=1)
    )


@pytest.mark.parametrize(("share", "css"), [(0.333, "w-p33"), (7, "w-p100"), (-1, "w-p0"), (None, "w-p0")])
def test_it_keeps_bars_inside_their_track(share: Any, css: str) -> None:
    assert ui.width_class(share) == css
