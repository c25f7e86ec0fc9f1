"""A teacher of the whole vocabulary beside a student of a part of it: only ids change, and the softmax is over the part."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from ..output_layer import Head


def kept_ids(student: Mapping[str, int], teacher: Mapping[str, int]) -> Tensor | None:
    """Teacher's id of each of the student's ids, [V_S] int64; None where the student has a token the teacher lacks, or its
    ids have holes. Both are maps from token to id."""
    if sorted(student.values()) != list(range(len(student))) or any(t not in teacher for t in student):
        return None
    words = sorted(student, key=lambda t: student[t])
    return torch.tensor([teacher[t] for t in words])


def kept_head(head: Head, ids: Tensor) -> Head:
    """The teacher's output layer with the rows the student knows, in the student's order: its distribution is renormalised
    over them. Makes a copy of those rows, once."""
    ids = ids.to(head.weight.device)
    bias = None if head.bias is None else head.bias.detach().index_select(0, ids)
    return Head(head.weight.detach().index_select(0, ids), bias, head.scale, head.cap, len(ids))
