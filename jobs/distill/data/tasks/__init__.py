"""Task templates: what kind of task rows are, the instruction that suits it, how its answers are written and scored."""

from __future__ import annotations

from .instruction import Instruction, InstructionWrong, variables_in
from .templates import TEMPLATES, Task

__all__ = ["TEMPLATES", "Instruction", "InstructionWrong", "Task", "variables_in"]
