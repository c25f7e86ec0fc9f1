"""Numbers and sentences of the report."""

import copy

import pytest

from tests.workbench.make_runs import REPORT
from workbench.runs import report


def changed(**values):
    return copy.deepcopy(REPORT) | values


def test_it_says_the_result_in_words_with_intervals_and_counts():
    text = report.build(REPORT).sentence.replace("\N{NO-BREAK SPACE}", " ")
    assert "74.4 % [72.1, 76.6] of 1,200 held-out rows correctly" in text
    assert "closes 0.81 [0.77, 0.84] of the gap" in text and "46.8 % [44.0, 49.6], which closes 0.45" in text


@pytest.mark.parametrize(
    ("low", "high", "noise"), [(0.01, 0.2, False), (-0.01, 0.2, True), (-0.2, -0.01, False), (0.0, 0.1, True)]
)
def test_it_calls_a_difference_whose_interval_holds_zero_noise(low, high, noise):
    built = report.build(changed(student_minus_control={"value": (low + high) / 2, "low": low, "high": high}))
    assert built.margin_is_noise is noise and ("noise" in built.margin_words)


def test_it_does_not_praise_a_gap_that_may_be_zero():
    assert report.build(changed(gap_closed={"value": 0.05, "low": -0.1, "high": 0.2})).headline.startswith(
        "No measurable part"
    )


def test_it_knows_a_student_that_moved_away():
    assert "moved away" in report.build(changed(gap_closed={"value": -0.3, "low": -0.5, "high": -0.1})).headline


def test_it_places_bars_and_whiskers_on_one_scale_from_zero():
    bars = {b.role: b for b in report.build(REPORT).bars}
    assert list(bars) == ["teacher", "student", "control", "base"]
    assert bars["student"].x == 74.4 and bars["student"].left == 72.1 and bars["student"].right == 76.6


def test_it_shows_no_report_without_scores():
    assert report.build({}) is None and report.build({"scores": {}}) is None and report.build(None) is None


def test_it_shows_a_metric_that_is_no_share_without_percent():
    built = report.build(changed(metric="bits_per_byte"))
    assert built.bars[0].text == "0.896" and "%" not in built.sentence


def test_paths_stand_beside_what_they_give_together():
    together = {
        "how": "vote",
        "score": 0.8,
        "alone": {"programs": 0.7, "reasons": 0.6},
        "facts": {"programs that run": 0.9},
    }
    built = report.build(changed(together=together, solve_rate_by_depth={"0": {"rate": 0.1, "rows": 20}}))
    assert built.way == "Reasons and programs, with a vote" and [n for n, _ in built.paths] == [
        "Together",
        "Programs",
        "Reasons",
    ]
    assert built.path_facts == [("Programs that run", "0.9"), ("Solved at depth 0", "10 % of 20")]
    assert report.build(REPORT).paths == [] == report.build(REPORT).path_facts


def test_a_label_head_speaks_in_sentences_and_shows_its_weakest_labels_first():
    row = {"n": 4, "said": 3, "precision": 1.0, "recall": 0.75, "f1": 0.857}
    table = [{**row, "label": "good"}, {**row, "label": "bad", "f1": 0.1}]
    built = report.build(changed(labelling={"words": ["It names 3 of 4."], "arms": {"student": {"table": table}}}))
    assert built.sentences == ["It names 3 of 4."]
    assert [(r["label"], r["f1"]) for r in built.labels] == [("bad", "0.10"), ("good", "0.86")]
    assert report.build(REPORT).labels == []


def test_it_says_how_the_base_was_loaded_where_that_is_not_as_its_files_are():
    base = {"quantise": "nf4", "computed_in": "float32", "window": {"before": 512, "after": 1024}}
    facts = dict(report.build({**REPORT, "student_base": base}).facts)
    assert facts["Base in memory"] == "4 bits (NF4)"
    assert facts["Base reads"] == "1,024 tokens, 512 by its own files"
    assert "Base in memory" not in dict(report.build(REPORT).facts)
