"""One process of the workbench in a container: `web`, `gpu` or `cpu`. The web one migrates and makes the first account."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from .commands import celery_worker, web_server


def main() -> None:
    role = sys.argv[1] if len(sys.argv) > 1 else ""
    if role not in ("web", "gpu", "cpu"):
        sys.exit("Say which process: web, gpu or cpu.")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "workbench.settings")
    if role == "web":
        prepare()
    command = web_server(8000) if role == "web" else celery_worker(role)
    os.execv(command[0], command)  # noqa: S606 - the container's one process takes our place


def prepare() -> None:
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command

    from . import first_login
    from .stack import register_samples

    call_command("migrate", interactive=False, verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    register_samples()
    first_login.ensure(Path(settings.DATA_DIR))


if __name__ == "__main__":
    main()
