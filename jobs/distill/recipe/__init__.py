"""The one schema of a recipe: Python object, YAML file, JSON in the API and the form in the studio. Light: no torch.

The small form names a published system (`method: llm-neo`, `options: {k: 0.9}`); the large form spells the stages out.
`expand` turns the first into the second; both are this schema. Unknown fields are refused by name.
"""

from .adapter import Adapter
from .base import Curve, Strict
from .context import Context
from .data import Data
from .endpoint import Budget, Endpoint
from .evaluation import Evaluation
from .mix import Mix
from .models import ModelRef, Student, Teacher
from .recipe import VERSION, Loop, Recipe, Stage
from .reward import Reward
from .shape import Collapse, MergeModels, PruneDepth, PruneWidth, Shape, TrimVocab, Truncate
from .source import Source
from .stages import Generate, Merge, Record, Select
from .teaching import Member, Teaching
from .term import Term, Weighting
from .text import from_yaml, load, parse, problems, sha256, to_dict, to_yaml
from .train import Schedule, Train, TrainOptions, Watch
from .use import Use
from .writing import Check, Prefer, PromptText, Review, Stop, Verify, Write

__all__ = [
    "VERSION", "Adapter", "Budget", "Check", "Collapse", "Context", "Curve", "Data", "Endpoint", "Evaluation", "Generate", "Loop", "Member", "Merge", "MergeModels", "Mix", "ModelRef", "Prefer", "PromptText", "PruneDepth", "PruneWidth", "Recipe", "Record", "Review", "Reward", "Schedule",
    "Select", "Shape", "Source", "Stage", "Stop", "Strict", "Student", "Teacher", "Teaching", "Term", "Train", "TrainOptions", "TrimVocab", "Truncate", "Use", "Verify", "Watch",
    "Weighting", "Write", "from_yaml", "load", "parse", "problems", "sha256", "to_dict", "to_yaml",
]  # fmt: skip
