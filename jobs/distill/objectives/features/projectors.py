"""What terms over layers train beside the adapter. The map of layers travels with it, since a measure sees tensors only."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn


class Paired(nn.Module):
    """Knows which layers belong together: [(student's, teacher's)]."""

    def __init__(self, pairs: Sequence[tuple[int, int]]) -> None:
        super().__init__()
        self.pairs = list(pairs)


class Projections(Paired):
    """One linear map a pair, from the student's width to the teacher's."""

    def __init__(self, pairs: Sequence[tuple[int, int]], student: int, teacher: int) -> None:
        super().__init__(pairs)
        self.maps = nn.ModuleList(nn.Linear(student, teacher) for _ in pairs)


class Filter(nn.Module):
    """States of a layer, normalised, into the space that the teacher's output layer reads."""

    def __init__(self, width: int, out: int) -> None:
        super().__init__()
        self.norm, self.linear = nn.LayerNorm(width), nn.Linear(width, out)

    def forward(self, states: Tensor) -> Tensor:
        """[N, width] -> [N, out]."""
        return self.linear(self.norm(states))


class Filters(Paired):
    """A filter of each side for every pair."""

    def __init__(self, pairs: Sequence[tuple[int, int]], student: int, teacher: int) -> None:
        super().__init__(pairs)
        self.student = nn.ModuleList(Filter(student, teacher) for _ in pairs)
        self.teacher = nn.ModuleList(Filter(teacher, teacher) for _ in pairs)
