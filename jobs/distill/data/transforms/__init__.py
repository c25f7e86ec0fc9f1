"""Transforms of a dataset version: recorded steps that make a new version, replayable on another. Light: no torch.

base.py    what a transform is; Log counts and lists every row it touches
steps.py   steps from plain data and back, errors with the number of the step
run.py     steps over rows
make.py    the engine verb: a new version's rows, the list of changes, the counts
look.py    a preview within seconds, and the diff of two versions, for the limited child
diff.py    which rows of two versions are added, removed, changed
The other files are one transform each.
"""

from .base import Change, Context, Log, SourceFile, Step
from .run import transform, write
from .steps import ALL, KINDS, load_steps, parse_step, parse_steps, problems_of, recorded, schema

__all__ = [
    "ALL", "KINDS", "Change", "Context", "Log", "SourceFile", "Step", "load_steps", "parse_step", "parse_steps", "problems_of",
    "recorded", "schema", "transform", "write",
]  # fmt: skip
