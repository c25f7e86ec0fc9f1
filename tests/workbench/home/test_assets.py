"""Everything templates refer to exists: icons in the sprite, files in static, names of links."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.template.loader import get_template

ROOT = Path(__file__).resolve().parents[3]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT / "templates"))


@pytest.mark.parametrize("path", TEMPLATES, ids=name_of)
def test_it_compiles_and_uses_only_icons_and_files_that_exist(path: Path) -> None:
    get_template(name_of(path))
    text = path.read_text(encoding="utf-8")
    sprite = (ROOT / "static/vendor/icons.svg").read_text()
    missing = [n for n in re.findall(r'{% icon "([^"]+)"', text) if f'id="{n}"' not in sprite]
    assert not missing
    assert all(finders.find(name) for name in re.findall(r'{% static "([^"]+)" %}', text))


@pytest.mark.parametrize("path", TEMPLATES, ids=name_of)
def test_it_has_nothing_inline_that_the_content_policy_blocks(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|hx-on|href=\"javascript:", text)
    assert not re.search(r"<script(?![^>]*(\ssrc=|type=\"application/json\"))", text)


def test_it_keeps_registry_hosts_out_of_the_lock_file() -> None:
    lock = (ROOT / "package-lock.json").read_text()
    assert '"resolved"' not in lock and "http" not in re.sub(r'"url": "[^"]*"', "", lock)


def test_an_icon_that_a_template_names_from_now_on_comes_into_the_sprite(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from workbench.launch import assets

    monkeypatch.setattr(assets, "VENDOR", tmp_path)
    monkeypatch.setattr(assets, "used_icons", lambda: ["home"])
    assets.refresh_icons()
    assert (
        'id="home"' in (tmp_path / "icons.svg").read_text() and 'id="book"' not in (tmp_path / "icons.svg").read_text()
    )
    monkeypatch.setattr(assets, "used_icons", lambda: ["book", "home"])
    assets.refresh_icons()
    assert 'id="book"' in (tmp_path / "icons.svg").read_text()
