"""The comparison of methods: its intervals against numbers worked by hand, and verdicts only where the seeds settle them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from benchmarks import compare_methods, methods_document


def arm(method: str, seed: int, gap: float) -> dict[str, Any]:
    score = {"base": {"value": 0.0}, "student": {"value": gap / 2}, "teacher": {"value": 0.5}}
    return {
        "method": method,
        "seed": seed,
        "train_seconds": 2.0,
        "gap_closed": {"value": gap, "low": gap - 0.02, "high": gap + 0.02},
        "scores": score,
        "agreement_with_teacher": 0.25,
        "rows": {"labelled": 3, "unlabelled": 4, "heldout": 5},
    }


GAPS = {"sft": (0.30, 0.34, 0.32), "llm-neo": (0.40, 0.44, 0.43), "seqkd": (0.42, 0.41, 0.41)}
ARMS = [arm(method, seed, gap) for method, gaps in GAPS.items() for seed, gap in enumerate(gaps)]
RESULTS = {"steps": 9, "train": {"batch_size": 2, "learning_rate": 0.1}, "adapter": {"rank": 4}, "arms": ARMS}


def test_the_interval_is_student_s_t_over_seeds():
    made = methods_document.mean_of([0.30, 0.34, 0.32])  # deviation 0.02, times 4.303 / sqrt(3)
    assert made.value == pytest.approx(0.32) and made.half == pytest.approx(0.04969, abs=1e-5)
    assert methods_document.mean_of([0.3]).half is None


def test_differences_are_taken_seed_by_seed():
    made = methods_document.against(ARMS, "llm-neo", "sft")
    assert made is not None and made.value == pytest.approx(0.31 / 3) and made.half == pytest.approx(0.01434, abs=1e-5)


def test_it_calls_only_what_the_seeds_settle():
    page = methods_document.document(RESULTS)
    assert "Clearly above plain fine-tuning of the labelled rows: `llm-neo`" in page
    assert "(`llm-neo` less `seqkd`): 0.010 ± 0.066; not settled by these seeds." in page
    rows = [line for line in page.splitlines() if line.startswith("| ") and "`" in line]
    assert [line.split("`")[1] for line in rows] == ["llm-neo", "seqkd", "sft"]


def test_one_seed_settles_nothing():
    page = methods_document.document({**RESULTS, "arms": [a for a in ARMS if a["seed"] == 0]})
    assert "Clearly" not in page and "is ahead" not in page


def test_arms_of_another_length_are_not_mixed(tmp_path):
    file = tmp_path / "methods.json"
    file.write_text(json.dumps(RESULTS))
    assert compare_methods.stored(file, 9)["arms"] == ARMS
    with pytest.raises(SystemExit, match="9 steps and 10 were asked for"):
        compare_methods.stored(file, 10)


def test_all_arms_differ_in_method_and_seed_alone():
    one, two = compare_methods.recipe("sft", 0, 50), compare_methods.recipe("taid", 2, 50)
    assert {k for k in one if one[k] != two[k]} == {"name", "method", "seed"}
