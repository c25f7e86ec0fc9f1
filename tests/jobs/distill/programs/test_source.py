"""What stands between the fences of an answer."""

from __future__ import annotations

import time

import pytest

from jobs.distill.programs.source import program_of, unfenced


@pytest.mark.parametrize(
    ("text", "inside"),
    [
        ("```json\n[1]\n```", "[1]"),
        (" \n```\n[1]```\n ", "[1]"),
        ("```JSON  \n\n [1] \n\n```", "[1]"),
        ("[1]", "[1]"),
        ("```json\n[1]\n``` and more", "```json\n[1]\n``` and more"),
        ("so: ```\n[1]\n```", "so: ```\n[1]\n```"),
        ("```", "```"),
    ],
)
def test_a_fence_around_the_whole_text_is_taken_away(text: str, inside: str) -> None:
    assert unfenced(text) == inside


def test_the_last_block_is_the_program() -> None:
    assert program_of("a\n```python\nx = 1\n```\nb\n```\n  y = 2\n  z = 3") == "y = 2\nz = 3"


@pytest.mark.parametrize("text", ["```" + "\n" * 200_000, "```json" + " " * 200_000, "```\n" * 50_000])
def test_no_text_takes_long(text: str) -> None:
    began = time.process_time()
    unfenced(text)
    program_of(text)
    assert time.process_time() - began < 2
