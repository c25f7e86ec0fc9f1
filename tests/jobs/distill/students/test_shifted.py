"""Attention in groups: what each head sees, rows that are shorter than others, students that cannot."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from pydantic import ValidationError
from torch.nn.functional import scaled_dot_product_attention

from jobs.distill.errors import PlanRefused
from jobs.distill.recipe import Adapter
from jobs.distill.students.shifted import attend, shifted
from tests.jobs.distill.students.small import base


def reference(length: int, heads: int, size: int) -> torch.Tensor:
    """True where a head's token sees another one, token by token: [heads, length, length]."""
    out = torch.zeros(heads, length, length, dtype=torch.bool)
    for h in range(heads):
        by = size // 2 if h >= heads // 2 else 0
        for t in range(length):
            for s in range(t + 1):
                out[h, t, s] = (t + by) // size == (s + by) // size
    return out


@pytest.mark.parametrize(("length", "size"), [(12, 4), (13, 4), (7, 6), (5, 8), (16, 2)])
@pytest.mark.parametrize("padded", [0, 3])
def test_groups_are_those_of_the_reference_mask(length: int, size: int, padded: int) -> None:
    torch.manual_seed(0)
    q, k, v = torch.randn(2, 4, length, 8), torch.randn(2, 2, length, 8), torch.randn(2, 2, length, 8)
    seen = torch.ones(length, length, dtype=torch.bool).tril()[None, None].repeat(2, 1, 1, 1)
    seen[1, :, :, length - padded :] = False  # the second row is shorter
    module = SimpleNamespace(config=SimpleNamespace(shifted_group=size))
    ours, _ = attend(module, q, k, v, seen if padded else None)  # type: ignore[arg-type]
    mask = reference(length, 4, size) & seen
    mask |= torch.eye(length, dtype=torch.bool)  # padding: what comes out there is never read
    theirs = scaled_dot_product_attention(q, k.repeat_interleave(2, 1), v.repeat_interleave(2, 1), attn_mask=mask)
    torch.testing.assert_close(ours, theirs.transpose(1, 2))


def test_outside_the_block_nothing_has_changed() -> None:
    model, ids = base(), torch.arange(12)[None]
    before = model(input_ids=ids).logits
    with shifted(model, 4):
        inside = model(input_ids=ids).logits
    assert not torch.allclose(before, inside, atol=1e-4) and torch.equal(before, model(input_ids=ids).logits)
    with shifted(model, 24):  # half of it is the whole row, for every head
        torch.testing.assert_close(model(input_ids=ids).logits, before)


def test_a_student_without_the_interface_is_refused() -> None:
    model = base()
    model.model._supports_sdpa = False
    with pytest.raises(PlanRefused, match="not made for this student"), shifted(model, 4):
        pass


def test_an_odd_group_is_refused_by_name() -> None:
    with pytest.raises(ValidationError, match="shift is 5"):
        Adapter(shift=5)
