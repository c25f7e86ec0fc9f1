"""The profile's sides of rows are those of a run, with groups, copies, own splits and unlabelled rows."""

from __future__ import annotations

import random

from jobs.distill.data.profile.sample import Splits
from jobs.distill.data.split import assign_splits
from tests.jobs.distill.data.transforms.making import row


def test_it_sees_the_sides_that_a_run_will_see() -> None:
    draw = random.Random(5)
    for _ in range(30):
        rows = [
            row(f"question {draw.randint(0, 30)}", draw.choice([None, "a", "b"]), i, draw.choice([None, None, None, "train", "heldout"]),
                **({"group": f"g{draw.randint(0, 9)}"} if draw.random() < 0.4 else {}))
            for i in range(50)
        ]  # fmt: skip
        splits = Splits(0.4)
        for one in rows:
            splits.see(one)
        expected = assign_splits(rows, 0.4)
        assert [splits.of(r) for r in rows] == expected
        assert splits.train_rows() == expected.count("train")
        assert splits.held_labelled == sum(
            s == "heldout" and r["answer"] is not None for s, r in zip(expected, rows, strict=True)
        )
