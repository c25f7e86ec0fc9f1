"""Who runs which tests when `make test` has two workers (pytest-xdist): file by file, the longest work first."""

from __future__ import annotations

from zlib import crc32

from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

# One after the other on one worker each: they start web servers, Celery workers and engines, and wait on clocks more than
# they compute. The browser's share a stack.
PROCESSES = {
    "browser": ("tests/browser/",),
    "workers": ("tests/jobs/test_", "tests/workbench/datasets/test_worker.py"),
}
# Files of few tests that train or resume whole runs; the others follow by their number of tests.
LONG = (
    "tests/jobs/distill/test_resume.py",
    "tests/jobs/distill/test_resume_rollouts.py",
    "tests/jobs/distill/test_checkpoint.py",
    "tests/jobs/distill/test_ranks.py",
    "tests/jobs/distill/test_sharding.py",
    "tests/jobs/distill/test_run.py",
    "tests/jobs/distill/labelling/test_run.py",
    "tests/jobs/distill/catalog/test_plugin_example.py",
)
# Files whose many whole runs no test shares with another: handed out in parts, so that both workers take some.
SPREAD = ("tests/jobs/distill/systems/test_all_recipes.py",)
PARTS = 8


def group_of(test: str) -> str:
    """The group of a test by its id: "browser", "workers", its file, or a part of it. The ids stay as they are, so --last-failed knows them."""
    file = test.split("::", 1)[0]
    if file in SPREAD:
        return f"{file} {crc32(test.encode()) % PARTS}"
    return next((name for name, starts in PROCESSES.items() if test.startswith(starts)), file)


def rank(group: str, tests: int) -> tuple[int, int]:
    """What is handed out first: the processes, then the long files, then those with the most tests."""
    order = (*PROCESSES, *LONG)
    if group.startswith(SPREAD):
        return order.index(LONG[-1]), -tests
    return order.index(group) if group in order else len(order), -tests


class Groups(LoadScopeScheduling):
    """pytest-xdist's scheduler of groups, with our groups in our order."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)

    def _assign_work_unit(self, node: WorkerController) -> None:
        first = min(self.workqueue, key=lambda group: rank(group, len(self.workqueue[group])))
        self.workqueue.move_to_end(first, last=False)
        super()._assign_work_unit(node)
