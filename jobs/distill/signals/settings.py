"""What a folder or shard of signals says it holds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FORMAT = 2


@dataclass(frozen=True)
class Settings:
    """What a folder holds; signals recorded otherwise are never mixed in."""

    teacher: str  # manifest hash
    top_k: int
    mass: float
    temperatures: tuple[float, ...]
    label: bool = False  # whether the label's log-probability is there (format 2) or asked for

    def as_dict(self) -> dict[str, Any]:
        """As it is written: always in the present format, which has every column."""
        return {
            "format": FORMAT,
            "teacher": self.teacher,
            "top_k": self.top_k,
            "mass": self.mass,
            "temperatures": list(self.temperatures),
        }

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> Settings:
        """Raises KeyError where a field is missing."""
        label = int(found.get("format", 1)) >= 2
        return cls(found["teacher"], found["top_k"], found["mass"], tuple(found["temperatures"]), label)

    def serves(self, other: Settings) -> bool:
        """Whether signals of these settings may stand in for `other`: same teacher, at least as much kept."""
        enough = self.top_k >= other.top_k and self.mass >= other.mass and self.label >= other.label
        return self.teacher == other.teacher and enough and set(self.temperatures) >= set(other.temperatures)

    def columns(self, wanted: Settings) -> list[int]:
        """Column of the log-normaliser for each temperature that is wanted."""
        return [self.temperatures.index(t) for t in wanted.temperatures]


def read_settings(folder: Path) -> Settings | None:
    """What a folder says it holds; None when it is no folder of signals."""
    try:
        return Settings.of(json.loads((Path(folder) / "signals.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError):
        return None
