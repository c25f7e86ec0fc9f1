from __future__ import annotations

import pytest

from jobs.distill import catalog
from jobs.distill.catalog.advice.tiers import TIERS, tier_of


@pytest.mark.parametrize(
    ("words", "system"),
    [
        (2_000_000_000, "sft"), (50_000_000, "maga"), (49_999_999, "byol"), (500_000, "byol"),
        (499_999, "linguistic-diverse-prompts"), (0, "linguistic-diverse-prompts"),
    ],
)  # fmt: skip
def test_the_size_of_a_corpus_names_the_way(words: int, system: str) -> None:
    assert tier_of(words).system == system


def test_every_way_exists_and_thresholds_fall() -> None:
    assert all(catalog.SYSTEMS[t.system].status == "works" and t.because for t in TIERS)
    assert [t.least for t in TIERS] == sorted((t.least for t in TIERS), reverse=True) and TIERS[-1].least == 0
    with pytest.raises(ValueError, match="-1 words"):
        tier_of(-1)
