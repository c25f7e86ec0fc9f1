"""What holds for any rows and any steps: the same again, nothing gone in silence, no leak between the sides."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.distill.data.split import row_id_of
from jobs.distill.data.transforms import parse_steps, recorded
from jobs.distill.data.transforms.texts import field_of
from jobs.distill.errors import DataRefused

from .making import Made, done, row, version

WORDS = st.sampled_from(["card", "Card ", " rate", "a@example.org", "euro", "ünï", "\u200b", "x", "why?", "\r\n"])
TEXT = st.lists(WORDS, min_size=1, max_size=5).map(" ".join).filter(lambda t: bool(t.strip()))
LABEL = st.sampled_from([None, "yes", "Yes ", "no", "maybe_so"])
ROWS = st.lists(
    st.builds(
        lambda q, a, g, d, s: row(q, a, split=s, **({"group": g} if g else {}), **({"domain": d} if d else {})),
        TEXT, LABEL, st.sampled_from(["", "g1", "g2", "g3"]), st.sampled_from(["", "bank"]), st.sampled_from([None, None, "train", "heldout"]),
    ),
    min_size=1, max_size=25,
)  # fmt: skip
STEP: st.SearchStrategy[dict[str, Any]] = st.sampled_from([
    {"kind": "filter", "contains": "card"}, {"kind": "filter", "action": "drop", "max_chars": 4}, {"kind": "filter", "labelled": "yes"},
    {"kind": "replace", "find": "card", "replace_with": ""}, {"kind": "replace", "find": "(e)uro?", "regex": True, "replace_with": r"\1"},
    {"kind": "clean", "invisible": True, "spaces": True, "form": "NFKC"}, {"kind": "redact"}, {"kind": "truncate", "at_most": 6},
    {"kind": "labels", "names": {"yes": "no"}}, {"kind": "labels", "merge_alike": True}, {"kind": "labels", "in_words": True},
    {"kind": "deduplicate"}, {"kind": "deduplicate", "same": "prompt", "keep": "labelled"}, {"kind": "deduplicate", "same": "near"},
    {"kind": "split", "heldout": 0.4}, {"kind": "split", "heldout": 0.4, "existing": "keep", "near": True, "seed": 5},
    {"kind": "balance", "how": "repeat"}, {"kind": "balance", "by": "group"}, {"kind": "sample", "share": 0.5}, {"kind": "sample", "rows_kept": 4, "evenly": ""},
    {"kind": "edit", "row_id": "0" * 24, "answer": "x"}, {"kind": "drop", "row_ids": ["0" * 24]},
])  # fmt: skip
few = settings(max_examples=60, deadline=None)


def run(rows: list[dict[str, Any]], steps: list[dict[str, Any]]) -> Made | None:
    with tempfile.TemporaryDirectory() as place:
        try:
            return done(Path(place), rows, *steps)
        except DataRefused:  # nothing to balance, for instance
            return None


def content(one: dict[str, Any]) -> str:
    return str([one["messages"], one["answer"], one["split"], one["fields"]])


@few
@given(ROWS, st.lists(STEP, min_size=1, max_size=4))
def test_no_row_vanishes_or_changes_without_being_listed(
    rows: list[dict[str, Any]], steps: list[dict[str, Any]]
) -> None:
    made = run(rows, steps)
    if made is None:
        return
    for log in made.logs:
        told = Counter(c.what for c in made.changes if c.step == log.step)
        assert log.rows_in + told["added"] == log.rows_out + told["dropped"]
        assert all(told[w] == log.counts[w] for w in ("dropped", "changed", "added"))
        assert all(c.reason for c in made.changes)
    assert [made.logs[0].rows_in, made.logs[-1].rows_out] == [len(rows), len(made.rows)]
    # Rows that nothing says a word about are there as they were.
    touched = {(c.before or {}).get("_at") for c in made.changes}
    left = Counter(content(r) for at, r in enumerate(rows, 1) if at not in touched)
    assert not left - Counter(content(r) for r in made.rows)


@few
@given(ROWS, st.lists(STEP, min_size=1, max_size=4))
def test_a_replay_of_the_record_makes_the_same_bytes(rows: list[dict[str, Any]], steps: list[dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder, made = Path(place), []
        source = version(folder, rows)
        for record in (steps, recorded(parse_steps(steps))):
            try:
                done(folder, source, *record)
            except DataRefused:
                return
            made.append((folder / "out.parquet").read_bytes())
        assert made[0] == made[1]


@few
@given(ROWS, st.sampled_from(["replace", "keep"]), st.integers(0, 3), st.floats(0.1, 0.9))
def test_the_sides_of_a_split_share_no_question_and_no_group(
    rows: list[dict[str, Any]], existing: str, seed: int, share: float
) -> None:
    made = run(rows, [{"kind": "split", "heldout": share, "existing": existing, "seed": seed}])
    assert made is not None
    for key in (lambda r: r["row_id"][:12], lambda r: field_of(r, "group") or r["row_id"]):
        sides: dict[str, set[str]] = {}
        for one in made.rows:
            sides.setdefault(key(one), set()).add(one["split"])
        assert all(len(s) == 1 for s in sides.values())


@few
@given(ROWS, st.lists(STEP, min_size=1, max_size=4))
def test_every_row_has_an_id_of_its_own_that_fits_its_content(
    rows: list[dict[str, Any]], steps: list[dict[str, Any]]
) -> None:
    made = run(rows, steps)
    if made is None:
        return
    ids = [r["row_id"] for r in made.rows]
    assert len(set(ids)) == len(ids)
    for one in made.rows:
        assert one["row_id"].partition(".")[0] == row_id_of(one["messages"], one["answer"])
