"""Every screen at 1440 and 390 px, light and dark: nothing overflows, axe finds nothing, the browser does not complain.

`make screens` keeps the pictures under docs/screens; otherwise they go to a temporary folder.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
KEEP = bool(os.environ.get("KEEP_SCREENS"))

UUID = re.compile(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}/")

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1200)]

PAIR = "/studio/?teacher=sample/banking77-teacher&student=sample/banking77-student&dataset=sample/banking77"
# name -> address; {run} is the finished sample run, {rounds} one that wrote rows in rounds, {gate} one that waits for a review; "list > first" is the first item a list page links to, "+ more" a page below it
SCREENS = {
    "home": "/",
    "studio": PAIR,
    "sweep-new": PAIR + " > /sweeps/new/",
    "sweeps": "/sweeps/",
    "studio-advice": "/studio/advice/?access=weights&tokenizer=same&rows=thousands&memory=large&task=chat&check=open",
    "studio-templates": "/studio/templates/",
    "runs": "/runs/",
    "run": "/runs/{run}/",
    "report": "/runs/{run}/report/",
    "queue": "/runs/queue/",
    "compare": "/runs/compare/?run={run}",
    "adapters": "/adapters/",
    "adapter": "/adapters/{run}/",
    "models": "/models/",
    "model": "/models/ > /models/",
    "model-add": "/models/add/",
    "endpoints": "/endpoints/",
    "endpoint": "{endpoint}",
    "run-gate": "{gate}",
    "run-rounds": "{rounds}",
    "endpoint-add": "/endpoints/add/?preset=vllm",
    "endpoint-calls": "/endpoints/calls/{written}/",
    "studio-rounds": "/studio/?teacher=sample/banking77-teacher&student=sample/banking77-student&dataset=sample/banking77&method=llm2llm",
    "datasets": "/datasets/",
    "dataset": "/datasets/ > /datasets/",
    "dataset-upload": "/datasets/upload/",
    "dataset-paste": "/datasets/upload/?from=paste",
    "dataset-address": "/datasets/upload/?from=address",
    "dataset-hub": "/datasets/upload/?from=hub",
    "dataset-here": "/datasets/upload/?from=here",
    "dataset-rows": "/datasets/ > /datasets/ + versions/1/rows/",
    "dataset-tokens": "/datasets/ > /datasets/ + versions/1/tokens/",
    "dataset-profile": "/datasets/ > /datasets/ + versions/1/profile/",
    "dataset-change": "/datasets/ > /datasets/ + versions/1/change/",
    "review": "/review/",
    "methods": "/help/methods/",
    "method": "/help/methods/llm-neo/",
    "help": "/help/",
    "settings": "/team/settings/",
    "not-found": "/runs/00000000-0000-0000-0000-000000000000/",
}


@pytest.fixture(scope="package")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    chosen = ROOT / "docs" / "screens" if KEEP else tmp_path_factory.mktemp("screens")
    chosen.mkdir(parents=True, exist_ok=True)
    return chosen


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_it_looks_right_on_every_screen(
    width: int, theme: str, visit: Any, sample_run: Any, text_runs: Any, folder: Path
) -> None:
    visitor = visit(width=width, theme=theme, signed_in=True)
    run, written = (path.strip("/").split("/")[-1] for path in (sample_run.path, text_runs.rounds))
    wrong = []
    for name, address in SCREENS.items():
        go(visitor, address.format(run=run, written=written, **vars(text_runs)))
        visitor.page.wait_for_load_state("networkidle") if name not in (
            "run",
            "report",
            "run-gate",
            "run-rounds",
        ) else visitor.page.wait_for_timeout(700)
        visitor.page.screenshot(path=folder / f"{name}-{width}-{theme}.png", full_page=True)
        wrong += [f"{name}: {problem}" for problem in problems(visitor.page, width)]
        if name != "not-found" and visitor.page.get_by_text("There is nothing at this address").count():
            wrong.append(f"{name}: is not there")
    visitor.complaints[:] = [c for c in visitor.complaints if "404" not in c]  # one of the screens is the page for that
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_it_looks_right_before_signing_in(width: int, theme: str, visit: Any, folder: Path) -> None:
    visitor = visit(width=width, theme=theme)
    visitor.open("/")
    visitor.page.screenshot(path=folder / f"sign-in-{width}-{theme}.png", full_page=True)
    assert not problems(visitor.page, width)


def go(visitor: Any, address: str) -> None:
    """Opens an address, or what a list links to first: an id (uuid or name) below the prefix, and what is asked below that."""
    if " > " not in address:
        visitor.open(address)
        return
    listing, _, wanted = address.partition(" > ")
    prefix, _, more = wanted.partition(" + ")
    visitor.open(listing)
    links = visitor.page.eval_on_selector_all(
        f"main a[href^='{prefix}']", "all => all.map(a => a.getAttribute('href'))"
    )
    found = next(link for link in links if UUID.match(link[len(prefix) :]))
    visitor.open(found.partition("versions/")[0] + more if more else found)


def problems(page: Any, width: int) -> list[str]:
    """What is wrong with the page as it stands: overflow to the right, and axe's findings with the element."""
    found = []
    wide = page.evaluate("document.documentElement.scrollWidth")
    if wide > width:
        found.append(f"is {wide} px wide in a window of {width} px")
    # The policy of our pages lets no script in that is not theirs; the browser's own evaluation is not bound by it.
    page.evaluate(AXE.read_text())
    report = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    found += [f"{v['id']}: {v['nodes'][0]['html'][:150]}" for v in report["violations"]]
    return found
