"""How far the student can read: its rotary positions stretched, so that rows may be longer than those it was made for."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from .base import Strict


class Context(Strict):
    """RoPE turns each pair of numbers of query and key by position / base^(2i/d). RoFormer: Su et al. 2021, arXiv:2104.09864."""

    times: float = Field(
        1.0,
        ge=1,
        le=1024,
        title="Window, times as long",
        description="The longest row becomes so many times the model's own. 1: as it is.",
    )
    theta: float | None = Field(
        None,
        ge=1,
        le=1e11,
        title="RoPE base",
        description="Base of the rotary angles; a larger one turns more slowly. Llama 3 has 500,000; 200,000,000 was used for "
        "ten times its window (arXiv:2404.19553). Empty: the model's own.",
    )
    scaling: Literal["none", "linear", "dynamic", "yarn"] = Field(
        "none",
        title="Scaling of positions",
        description="none: the base alone changes. linear: positions are divided (arXiv:2306.15595). yarn: slow turns are divided, "
        "fast ones stay (arXiv:2309.00071). dynamic: the base grows with the longest row that is read together, so short rows "
        "stay as they were.",
    )

    @property
    def changes(self) -> bool:
        """Whether anything becomes different from the model's own positions."""
        return self.times > 1 or self.theta is not None
