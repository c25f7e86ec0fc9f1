"""`python -m jobs.distill`: the engine's command line. See `--help`."""

from __future__ import annotations

import sys

from .cli.main import main

sys.exit(main())
