"""What the compiler answers. Light: no torch. The page, the API, the command line and the worker show this same object."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ..recipe import Recipe


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class VerdictItem(Part):
    """One line of the pairing verdict."""

    topic: str = Field(
        description="vocabulary | special tokens | template | end of text | beginning of text | context | architecture | capacity | licence"
    )
    state: Literal["ok", "note", "warning", "blocked"]
    text: str
    word: str = Field("", description="The verdict on this topic in a word or two.")
    advice: str = Field("", description="What to do about it; empty where there is nothing to do.")
    source: str = Field("", description="Address of the paper or licence behind the sentence.")


class Verdict(Part):
    """Can this teacher teach this student, and with which methods?"""

    same_vocabulary: bool
    same_kind: bool = Field(True, description="Both causal, or both encoder-decoders.")
    headline: str
    items: list[VerdictItem] = []


class Fix(Part):
    """One click: set `field` to `value`."""

    label: str
    field: str
    value: Any


class Problem(Part):
    """A refusal (the run cannot start) or a warning (it can)."""

    code: str
    field: str | None
    message: str
    fix: Fix | None = None


class Choice(Part):
    """An automatic choice and its reason."""

    field: str
    value: Any
    why: str


class MemoryPart(Part):
    name: str = Field(
        description="student weights | NAME weights of each teacher, or NAME output layer and teacher states where it has a GPU of its own | adapter | optimizer | activations | head chunk | signals | rollout cache | replay | helper modules | other"
    )
    bytes: int


class StageEstimate(Part):
    name: str
    kind: str
    steps: int = 0
    rows: int = 0
    tokens: int = 0
    seconds: float = 0
    computes: str = Field("", description="In words: which forwards run, what is read from recorded signals.")


class RowsUse(Part):
    train: int = 0
    labelled: int = 0
    unlabelled: int = 0
    heldout: int = 0
    lost: int = 0
    lost_why: list[str] = []


class TeacherUse(Part):
    """What teachers are asked for over the run, the held-out rows left out."""

    read_tokens: int = 0
    written_tokens: int = 0
    seconds: float = Field(0, description="Of the stages in which only the teacher works.")


class EndpointUse(Part):
    """What one teacher behind an address will be asked at most, with the held-out rows."""

    name: str = Field(description="What stages call it.")
    title: str
    questions: int
    read_tokens: int
    written_tokens: int
    price: float | None = Field(description="In its currency; null where no price is stated.")
    currency: str
    seconds: float = Field(description="The least time at its limits; 0 where they are not known.")
    max_price: float | None = None
    max_tokens: int | None = None


class Saving(Part):
    """One change that needs less memory at the peak."""

    fix: Fix
    memory_bytes: int
    fits: bool = Field(description="Whether the device then has room for it.")


class Plan(Part):
    recipe: Recipe = Field(description="The expanded recipe: stages spelled out.")
    recipe_sha256: str
    verdict: Verdict | None = None
    verdicts: dict[str, Verdict] = Field(default={}, description="The same for each further teacher, by its name.")
    refusals: list[Problem] = []
    warnings: list[Problem] = []
    choices: list[Choice] = []
    memory: list[MemoryPart] = []
    memory_bytes: int = 0
    device_bytes: int = 0
    stages: list[StageEstimate] = []
    seconds: float = 0
    disk_bytes: int = 0
    rows: RowsUse = RowsUse()
    teacher: TeacherUse = TeacherUse()
    endpoints: list[EndpointUse] = []

    @property
    def ok(self) -> bool:
        return not self.refusals
