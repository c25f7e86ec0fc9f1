"""The catalogue: every objective term and every published system, as data. Light: no torch.

The two literal tables are in `tables.py`. Other packages add theirs by the entry points `distillation_workbench.parts`
(a Part class) and `distillation_workbench.systems` (the path of a YAML file, or a dict of the same shape).
"""

from __future__ import annotations

from .expand import expand, objective
from .show import options_schema, part_json, system_json, to_json
from .system import System, SystemOption
from .tables import PARTS, PROBLEMS, SYSTEMS, get_part, get_system

__all__ = [
    "PARTS", "PROBLEMS", "SYSTEMS", "System", "SystemOption", "expand", "get_part", "get_system", "objective",
    "options_schema", "part_json", "system_json", "to_json",
]  # fmt: skip
