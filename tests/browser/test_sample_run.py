"""The whole path of a newcomer: sign in, run the sample, download an adapter that does what the page says."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]
NAMES = {"adapter_model.safetensors", "adapter_config.json", "README.md", "recipe.yaml", "report.json", "SHA256SUMS"}


def test_it_takes_three_clicks_from_sign_in_to_the_adapter(sample_run: Any) -> None:
    assert sample_run.clicks <= 3
    assert {p.name for p in sample_run.folder.iterdir()} >= NAMES


def test_it_downloads_what_the_hashes_say_and_no_path_of_ours(sample_run: Any) -> None:
    folder = sample_run.folder
    for line in (folder / "SHA256SUMS").read_text().splitlines():
        wanted, name = line.split("  ", 1)
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == wanted
    config = json.loads((folder / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "sample/banking77-student"
    assert "/tmp" not in "".join(p.read_text() for p in folder.iterdir() if p.suffix in (".json", ".md", ".yaml"))


def test_it_closes_the_gap_and_beats_the_control(sample_run: Any) -> None:
    report = json.loads((sample_run.folder / "report.json").read_text())
    assert report["gap_closed"]["value"] >= 0.6
    assert report["student_minus_control"]["low"] > 0
    assert f"{report['gap_closed']['value']:.2f}" in sample_run.text, "the page shows the number of the report"


def test_it_keeps_the_run_right_after_a_refresh(sample_run: Any, visit: Any) -> None:
    visitor = visit(width=390, theme="dark", signed_in=True)
    visitor.page.goto(sample_run.url)
    visitor.page.get_by_role("link", name="Download adapter").first.wait_for()
    assert visitor.page.evaluate("document.documentElement.scrollWidth") <= 390
