"""What every objective term looks like. Light: no torch at import.

A term gives one number a supervised position, `value(view, T, options) -> [n]`. It may also give its derivative in
closed form, `slope(view, T, options) -> Slope`, which the head uses where the teacher is dense because it needs fewer
passes over the vocabulary than autograd; a test holds the two together. Temperature and its square are applied here and
nowhere else, so that they reach value and gradient alike.

Three scopes, one base class each. Part (token): a number a position from one chunk of the output layer. SequencePart:
per-position numbers come back with their graph and are put together by answer, pair or group. StatesPart: hidden states,
projections or both output layers, without the shared chunked pass.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, model_validator

from ..parts import Described, NoOptions, Options, Paper

__all__ = ["SMALLEST", "NoOptions", "Objective", "Options", "Paper", "Part", "SequencePart", "Slope", "StatesPart"]

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ..weightings.base import Bound
    from .sequences import Sequences
    from .states import ModelShape, States
    from .view import View


SMALLEST = 1e-9  # divides the sum of an answer of which nothing is learnt, which is 0


@dataclass
class Slope:
    """Value of a term and its derivative g by log q, both per position.

    The head turns g into the gradient by the logits, (g - q * sum g) / T, so g may be given up to a multiple of q.
    """

    value: Tensor  # [n]
    dense: Tensor | None = None  # [n, V]; the derivative is factor * dense
    factor: float = 1.0
    total: Tensor | float | None = None  # sum over V of factor * dense; computed when None
    ids: Tensor | None = None  # [n, m] where `sparse` adds to the derivative
    sparse: Tensor | None = None  # [n, m]
    owned: bool = False  # dense was made for this slope alone and may be overwritten


class Part(Described):
    """An objective term. Subclasses fill the class fields and write `value`, optionally `slope`."""

    kind: ClassVar[str] = "objective"
    reads: ClassVar[tuple[str, ...]] = ()
    needs: ClassVar[frozenset[str]] = frozenset()
    scope: ClassVar[str] = "token"

    def value(self, view: View, T: float, options: Any) -> Tensor:
        """Unreduced value of each position, [n]."""
        raise NotImplementedError

    slope: ClassVar[Any] = None


class SequencePart(Part):
    """A term over whole answers, pairs or groups of them: it reads per-position values and combines them."""

    scope: ClassVar[str] = "sequence"

    def reads_of(self, T: float, options: Any) -> tuple[Objective, ...]:
        """Token terms whose unreduced per-position values, with graph, `combine` is given in this order."""
        raise NotImplementedError

    def combine(self, values: list[Tensor], batch: Sequences, T: float, options: Any) -> Tensor:
        """Value of each group, [batch.groups]; `values` are [N] each. The loop divides by the groups of the whole step."""
        raise NotImplementedError


class StatesPart(Part):
    """A term over hidden states, projections inside attention, or both output layers at once."""

    scope: ClassVar[str] = "states"

    def layers(self, student: ModelShape, teacher: ModelShape | None, options: Any) -> list[tuple[int, int]]:
        """Which layer of the student learns from which of the teacher; it is told when the stage begins."""
        return []

    def captures(self, student: ModelShape, teacher: ModelShape | None, options: Any) -> tuple[set[str], set[str]]:
        """Names of what must be kept of the student's and of the teacher's forward: see `states.States`."""
        return set(), set()

    def module(self, student: ModelShape, teacher: ModelShape | None, options: Any) -> nn.Module | None:
        """Projectors or filters that are trained beside the adapter and not exported; made under the run's seed."""
        return None

    def measure(self, states: States, module: nn.Module | None, T: float, options: Any) -> Tensor:
        """Value of each supervised position, [N], with graph."""
        raise NotImplementedError


TAIL_HELP = (
    "How recorded top-k signals stand for the whole vocabulary. bucket: everything outside K is one more outcome (a lower "
    "bound of the full value). zero: the teacher is renormalised over K. renorm: both are. uniform: the teacher's missing mass "
    "is spread evenly over the other ids. sampled: the signals are draws with importance weights. student_support: only the "
    "student's own top ids and one bucket, with a teacher that runs. The others are unused when the teacher runs."
)
Tail = Literal["bucket", "zero", "renorm", "uniform", "sampled", "student_support"]


class TailOptions(Options):
    """Divergences in which q alone carries weight outside the teacher's K ids: only the bucket keeps them honest."""

    tail: Tail = Field("bucket", title="Outside the top k", description=TAIL_HELP)
    support: int = Field(
        64,
        ge=1,
        le=4096,
        title="Student's top ids",
        description="With student_support: how many of the student's likeliest ids are compared.",
    )

    truncation: ClassVar[tuple[str, ...]] = ("bucket", "student_support")

    @model_validator(mode="after")
    def _tail_is_sound(self) -> TailOptions:
        if self.tail not in self.truncation:
            raise ValueError(
                f"tail: {self.tail} leaves out the student's mass outside the teacher's top k, which this divergence is about;"
                f" use tail: {' or '.join(self.truncation)}"
            )
        return self


class ForwardTailOptions(TailOptions):
    """Expectations under the teacher alone (forward KL): cutting the teacher's tail is a legal, biased choice."""

    truncation: ClassVar[tuple[str, ...]] = ("bucket", "zero", "renorm", "uniform", "sampled", "student_support")


@dataclass(frozen=True)
class Objective:
    """A part with its options and temperature, ready for the head."""

    part: Part
    options: Any = None
    temperature: float = 1.0
    t_squared: bool = False
    name: str = field(default="")
    weighting: Bound | None = None

    def __post_init__(self) -> None:
        if self.options is None:
            object.__setattr__(self, "options", self.part.Options())
        if not self.name:
            object.__setattr__(self, "name", self.part.id)

    @property
    def factor(self) -> float:
        """T squared where asked for: the gradient of a divergence at temperature T shrinks as 1 / T^2 (Hinton et al. 2015)."""
        return self.temperature**2 if self.t_squared else 1.0

    @property
    def needs_teacher(self) -> bool:
        return "teacher" in self.part.needs or (self.weighting is not None and self.weighting.needs_teacher)

    def closed_form(self, view: View) -> bool:
        """Whether the head may use the part's slope: it is written for the whole vocabulary."""
        over_all = view.dense and getattr(self.options, "tail", "") != "student_support"
        return self.part.slope is not None and (over_all or "teacher" not in self.part.needs)

    def weights(self, view: View) -> Tensor | float:
        """What each position counts beside its row's weight, [n]: T squared times the token weight, a constant."""
        return self.factor if self.weighting is None else self.weighting.of(view) * self.factor

    def value(self, view: View) -> Tensor:
        return self.part.value(view, self.temperature, self.options) * self.weights(view)
