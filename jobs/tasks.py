"""The one Celery task. Ids only, harmless when repeated."""

from __future__ import annotations

from .celery_app import app
from .wake import bell


@app.task(name="jobs.wake", ignore_result=True)
def wake(run_id: str) -> None:
    """Somebody queued a run: the agents of this process look at the table."""
    bell.ring()
