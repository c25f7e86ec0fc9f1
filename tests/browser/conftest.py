"""The whole product as a user has it: `make up`'s own program in an empty folder, and a real Chromium."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "a long enough password"
TEACHER = "127.0.0.2"  # where the scripted teacher speaks; 127.0.0.1 stays refused


@dataclass
class Workbench:
    url: str
    email: str
    password: str
    data_dir: Path


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


@pytest.fixture(scope="package")
def workbench() -> Iterator[Workbench]:
    """Starts `python -m workbench.launch.up` with a fresh data folder and its own built-in PostgreSQL; stops it at the end.

    Not below pytest's own folder: every session of pytest takes other users' right to that away, and PostgreSQL, which
    does not run as root, is another user.
    """
    data_dir, port = Path(tempfile.mkdtemp(prefix="workbench-browser-")), free_port()
    clean = {
        k: v
        for k, v in os.environ.items()
        if k
        not in (
            "DATABASE_URL",
            "CELERY_BROKER_URL",
            "LEASE_SECONDS",
            "POLL_SECONDS",
            "DEBUG",
            "DJANGO_SETTINGS_MODULE",
            "SECRET_KEY",
        )
    }
    env = {
        **clean,
        "DATA_DIR": str(data_dir),
        "PORT": str(port),
        "ADMIN_EMAIL": "ada@example.org",
        "ADMIN_PASSWORD": PASSWORD,
        "ALLOWED_PRIVATE_HOSTS": TEACHER,
    }
    out = data_dir / "up.txt"
    with out.open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "workbench.launch.up"], cwd=ROOT, env=env, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        deadline = time.monotonic() + 180
        while "is ready" not in out.read_text():
            assert process.poll() is None and time.monotonic() < deadline, (
                f"make up did not come up:\n{out.read_text()}"
            )
            time.sleep(0.2)
        yield Workbench(f"http://127.0.0.1:{port}", "ada@example.org", PASSWORD, data_dir)
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(90) == 0, out.read_text()
        shutil.rmtree(data_dir)


@pytest.fixture(scope="package")
def chromium() -> Iterator[Any]:
    """Debian's Chromium where there is one, Playwright's own otherwise; a sentence when there is neither."""
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = (
        "true"  # Playwright keeps an event loop in this thread; other tests use the ORM in it
    )
    from playwright.sync_api import Error, sync_playwright

    installed = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(
                executable_path=installed,
                args=[
                    "--no-sandbox",
                    "--disable-gpu",
                    "--disable-background-networking",
                    "--disable-component-update",
                    "--disable-sync",
                    "--no-first-run",
                ],
            )
        except Error as e:
            pytest.fail(
                f"No Chromium to test with. Install it: sudo apt-get install -y chromium, or .venv/bin/playwright install chromium.\n{e}"
            )
        yield browser
        browser.close()


def replaced(message: str) -> bool:
    """htmx notes a request that a later change of the same form has replaced; that is meant to happen."""
    return message.startswith(("htmx:sendAbort", "htmx:afterRequest"))


class Clicks:
    """A page and the number of clicks a person made on it. Anything the browser complains about fails the test."""

    def __init__(self, page: Any, base: str) -> None:
        self.page, self.base, self.count = page, base, 0
        self.complaints: list[str] = []
        page.on(
            "console",
            lambda m: (
                self.complaints.append(f"{m.text} {m.location.get('url', '')}")
                if m.type == "error" and not replaced(m.text)
                else None
            ),
        )
        page.on("pageerror", lambda e: self.complaints.append(str(e)))

    def open(self, path: str) -> None:
        self.page.goto(self.base + path)

    def click(self, role: str, name: str, **options: Any) -> None:
        self.count += 1
        self.page.get_by_role(role, name=name, **options).first.click()


@pytest.fixture
def visit(workbench: Workbench, chromium: Any) -> Iterator[Any]:
    """visit(width, theme) -> Clicks on a new browser profile; the complaints of the browser are checked at the end."""
    contexts, visitors = [], []

    def open_page(width: int = 1440, theme: str = "light", signed_in: bool = False) -> Clicks:
        context = chromium.new_context(
            viewport={"width": width, "height": 900}, color_scheme=theme, accept_downloads=True
        )
        contexts.append(context)
        visitor = Clicks(context.new_page(), workbench.url)
        visitor.page.set_default_timeout(20_000)
        visitors.append(visitor)
        if signed_in:
            sign_in(visitor, workbench)
        return visitor

    yield open_page
    for context in contexts:
        context.close()
    complaints = [c for v in visitors for c in v.complaints]
    assert not complaints, f"{complaints}\nThe server said last:\n{(workbench.data_dir / 'up.txt').read_text()[-6000:]}"


def sign_in(visitor: Clicks, workbench: Workbench) -> None:
    visitor.open("/")
    visitor.page.get_by_label("E-mail").fill(workbench.email)
    visitor.page.get_by_label("Password", exact=True).fill(workbench.password)
    visitor.click("button", "Sign in")
    visitor.page.wait_for_url(workbench.url + "/")


@pytest.fixture(scope="package")
def text_teacher() -> Iterator[Any]:
    """A teacher behind an address that names the label of a question, for every fourth one wrongly; a real server."""
    from tests.browser import text_teacher as walk
    from tests.jobs.distill.scripted import Teacher

    speaking = Teacher(walk.teacher_of(walk.rows(walk.ROWS)), TEACHER)
    yield speaking
    speaking.close()


@pytest.fixture(scope="package")
def text_runs(workbench: Workbench, chromium: Any, sample_run: Any, text_teacher: Any) -> Any:
    """A newcomer's way with an API key and a CSV, by clicking: an endpoint, a run of a composed recipe, a run at a gate.

    After the sample run, which needs the start page of a first visit.
    """
    from tests.browser import text_teacher as walk

    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    visitor = Clicks(context.new_page(), workbench.url)
    visitor.page.set_default_timeout(60_000)
    sign_in(visitor, workbench)
    endpoint = walk.add_endpoint(visitor, text_teacher.url)
    walk.bring_rows(visitor, walk.as_csv(walk.rows(walk.ROWS)))
    dataset = walk.choose(visitor.page)
    walk.compose(visitor.page)
    rounds = walk.start(visitor.page)
    finished(visitor.page)
    gate = walk.gate(visitor, dataset)
    visitor.page.get_by_role("button", name="Lay the rows out").wait_for(timeout=300_000)
    context.close()
    return walk.TextRuns(endpoint, gate, rounds)


@dataclass
class SampleRun:
    """One sample distillation, done by clicking: how many clicks it took, its page and what was downloaded."""

    clicks: int
    url: str
    folder: Path
    text: str

    @property
    def path(self) -> str:
        return "/runs/" + self.url.rstrip("/").rsplit("/", 1)[-1] + "/"


def finished(page: Any, timeout: float = 600_000) -> str:
    """Wait until the page of a run has become its report, without reloading; its text then.

    The parts of the page come one by one: the link to the adapter can be there a moment before the number.
    """
    page.get_by_role("link", name="Download adapter").first.wait_for(timeout=timeout)
    page.locator("#part-report .result-value").first.wait_for(timeout=30_000)
    return str(page.inner_text("main"))


@pytest.fixture(scope="package")
def sample_run(workbench: Workbench, chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> SampleRun:
    """Sign in, press the button, wait without reloading until the page has turned into the report, download."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, accept_downloads=True)
    visitor = Clicks(context.new_page(), workbench.url)
    sign_in(visitor, workbench)
    visitor.click("button", "Run the sample distillation")
    visitor.page.wait_for_url("**/runs/*/")
    url = visitor.page.url
    text = finished(visitor.page, timeout=800_000)
    with visitor.page.expect_download() as waiting:
        visitor.click("link", "Download adapter")
    folder = tmp_path_factory.mktemp("adapter")
    waiting.value.save_as(folder / "adapter.zip")
    with zipfile.ZipFile(folder / "adapter.zip") as z:
        for name in z.namelist():
            (folder / Path(name).name).write_bytes(z.read(name))
    context.close()
    return SampleRun(visitor.count, url, folder, text)
