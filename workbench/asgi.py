"""The ASGI application: pages, API and live streams."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "workbench.settings")
django = get_asgi_application()

from workbench.home.body_limit import BodyLimit  # noqa: E402 - needs the settings

application = BodyLimit(django)
