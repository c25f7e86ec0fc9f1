"""Every hostile file gets the expected answer, printed as one table (pytest -s)."""

from __future__ import annotations

import csv
import time
from pathlib import Path

import pytest

from jobs.distill.data.options import Options
from jobs.distill.data.scan import scan

FILES = Path(__file__).parents[3] / "data" / "hostile"
INDEX = {r["file"]: r for r in csv.DictReader((FILES.parent / "hostile-index.csv").open(encoding="utf-8", newline=""))}
LONG_NAME = "n" * 240 + ".jsonl"
OUTCOME = {"reject": "refuse", "accept+warn": "confirm", "accept": "accept"}
# file -> (rows that would be imported or None, words that the findings must hold)
EXPECTED: dict[str, tuple[int | None, tuple[str, ...]]] = {
    "01_empty.jsonl": (None, ("The file is empty (0 bytes)",)),
    "02_header_only.csv": (None, ("A header but no rows",)),
    "03_blank_lines.jsonl": (1, ("5 blank lines", "too few to split")),
    "04_bom_utf8.csv": (3, ()),
    "05_utf16le_bom.csv": (4, ("Decoded as UTF-16",)),
    "06_windows1252.csv": (2, ("Not UTF-8 at byte 13", "read as Windows-1252")),
    "07_mixed_newlines.csv": (4, ()),
    "08_nul_bytes.jsonl": (1, ("line 1", "invalid control character")),
    "09_nul_escape.jsonl": (1, ("line 1", "contains a NUL character")),
    "10_lone_surrogate.jsonl": (1, ("line 1", "invalid Unicode")),
    "11_unicode_mess.jsonl": (7, ()),
    "12_ragged.csv": (2, ("line 3: 1 field, expected 2", "line 4: 4 fields, expected 2", "Skip 2 bad rows")),
    "13_unclosed_quote.csv": (None, ("quote opened on line 2 never closes",)),
    "14_semicolon.csv": (3, ("semicolon",)),
    "15_tabs.csv": (3, ("tab",)),
    "16_excel_sep_line.csv": (2, ("sep=;",)),
    "17_duplicate_header.csv": (None, ("'label' 2 times",)),
    "18_no_header.csv": (2, ("first line is data", "The first line holds column names")),
    "19_5000_columns.csv": (None, ("5,000 columns; the limit is 200",)),
    "20_type_guess.csv": (7, ()),
    "21_labels_whitespace.csv": (6, ("These 6 labels look the same", "Merge labels")),
    "22_one_label.csv": (20, ("Only one label",)),
    "23_conflicting_labels.csv": (4, ("1 text stands under different answers", "'a' and 'b'", "2 near-duplicates")),
    "24_html_script.csv": (6, ()),
    "25_formula_injection.csv": (5, ()),
    "26_jinja_payload.jsonl": (3, ()),
    "27_sql_shell.csv": (5, ()),
    "28_special_tokens.jsonl": (3, ("3 rows contain control tokens",)),
    "29_trailing_comma.jsonl": (0, ("line 1", "extra text after the object: a comma")),
    "30_array_in_jsonl.jsonl": (3, ("one JSON list",)),
    "31_jsonl_in_json.json": (3, ("JSON Lines",)),
    "32_python_literals.jsonl": (0, ("line 1", "single quotes")),
    "33_duplicate_keys.jsonl": (1, ("line 1", 'key "text" appears twice')),
    "34_nan_infinity.jsonl": (1, ("line 1: NaN", "line 2: Infinity", "line 3: 1e999")),
    "35_mixed_types.jsonl": (5, ("3 types", '"text" is missing', "line 8: not an object", "4 rows of 9")),
    "36_nested.json": (None, ("found a list at data.records",)),
    "37_deep_nesting.json": (None, ("Nested too deeply",)),
    "38_long_line_200k.jsonl": (3, ("2 of 3 rows",)),
    "39_answer_past_context.jsonl": (5, ("4 of 5 rows", "train on nothing")),
    "40_empty_answers.jsonl": (
        7,
        ("Every answer is empty: 7 rows", "line 7 (prompt): the user's text is empty", "prompts for a teacher"),
    ),
    "41_sharegpt.json": (2, ()),
    "42_alpaca.json": (2, ()),
    "43_openai_messages.jsonl": (2, ("tool calls are not supported", "weight 0", "joined")),
    "44_chatml.txt": (2, ("looks like ChatML",)),
    "45_wrong_roles.jsonl": (1, ("7 rows of 9", "assistant speaks first", "answer is missing", "Skip 7 bad rows")),
    "46_preference_equal.jsonl": (
        2,
        ("chosen and rejected are the same", "rejected answer is empty", "line 3 against line 4"),
    ),
    "47_gzip_named.jsonl": (3, ("gzip",)),
    "48_gzip_bomb.jsonl.gz": (None, ("expands more than 200:1",)),
    "49_zip_traversal.zip": (None, ("unsafe member name", "Nothing was unpacked")),
    "50_pickle_named.jsonl": (None, ("binary, not text",)),
    "51_parquet_footer_1gb.parquet": (None, ("footer claims 1 GiB",)),
    "52_parquet_truncated.parquet": (None, ("footer is missing", "cut short")),
    "53_parquet_dictionary_bomb.parquet": (None, ("expands more than 200:1",)),
    "54_parquet_nested.parquet": (3, ("img (binary)",)),
    "55_workbook.xlsx": (4, ("2 sheets with cells: 'train', 'notes'", "Import the sheet 'train' alone", "line 5")),
    "56_xlsx_named.csv": (None, ("Excel workbook", "not CSV")),
    "57_html_error_page.jsonl": (None, ("HTML page",)),
    "58_git_lfs_pointer.jsonl": (None, ("Git LFS pointer", "git lfs pull")),
    "59_binary_noise.csv": (None, ("binary",)),
    "60_secrets_pii.csv": (
        5,
        ("card number in 1 row", "e-mail address in 1 row", "private key in 1 row", "values not shown"),
    ),
    "61_train_is_test.jsonl": (6, ("3 of 3 held-out (test) rows also occur in train",)),
    "62_new_label_in_test.csv": (3, ("'z'", "never trained")),
    "63_columns_reversed.csv": (3, ()),
    "64_unknown_columns.csv": (2, ("No column has a known name",)),
    LONG_NAME: (3, ("246 characters; 120 of them are shown",)),
}


def path_of(name: str) -> Path:
    """Files whose name is the attack hold the same three good rows: one file here, the name is given beside it."""
    return FILES / (name if name[:2].isdigit() else "good.jsonl")


def test_it_gives_every_hostile_file_the_expected_answer() -> None:
    """One table of all files: run with -s to read it."""
    assert len(INDEX) == 72 and set(EXPECTED) <= set(INDEX)
    wrong = []
    print(f"\n{'file':36} {'expected':12} {'outcome':8} {'rows':>4} {'refused':>7} {'s':>5}  sentence")
    for name in sorted(INDEX):
        rows, words = EXPECTED.get(name, (3, ()))
        started = time.perf_counter()
        found = scan(path_of(name), name)
        seconds = time.perf_counter() - started
        told = [f"{p.message} {p.remedy} {p.choice}" for p in found.problems]
        counts = [str(found.counts.get(key, "-")) for key in ("rows", "refused")]
        sentence = (told or ["Nothing to say."])[0][:110]
        shown = name[:36].encode("ascii", "replace").decode()
        print(
            f"{shown:36} {INDEX[name]['kind']:12} {found.outcome:8} {counts[0]:>4} {counts[1]:>7} {seconds:5.2f}  {sentence}"
        )
        # A long name asks nothing of a person: it is said, and the display is cut.
        outcome = "accept" if name == LONG_NAME else OUTCOME[INDEX[name]["kind"]]
        missing = [word for word in words if word not in " | ".join(told)]
        helpless = [p.code for p in found.problems if p.severity in ("refuse", "choose") and not (p.remedy or p.choice)]
        if (found.outcome, found.counts.get("rows")) != (outcome, rows) or missing or helpless or seconds > 5:
            wrong.append((name, found.outcome, found.counts.get("rows"), rows, missing, helpless, seconds))
    assert not wrong


def test_it_keeps_labels_exactly_as_written() -> None:
    rows = scan(FILES / "20_type_guess.csv", "x.csv").rows
    assert [r["answer"] for r in rows] == ["00123", "1e5", "TRUE", "NA", "None", "2024-01-02", "12345678901234567890"]


def test_it_keeps_templates_and_markup_byte_for_byte() -> None:
    assert scan(FILES / "26_jinja_payload.jsonl", "x.jsonl").rows[0]["answer"] == "must stay {{ 7*7 }}, not 49"
    assert scan(FILES / "24_html_script.csv", "x.csv").rows[0]["messages"][0]["content"] == "<script>alert(1)</script>"


def test_it_leaves_no_blank_line_for_an_empty_alpaca_input() -> None:
    prompts = [r["messages"][0]["content"] for r in scan(FILES / "42_alpaca.json", "x.json").rows]
    assert prompts == ["Translate to French\n\ncat", "Say hi"]


def test_it_reads_both_forms_of_conversations() -> None:
    first, second = scan(FILES / "41_sharegpt.json", "x.json").rows
    assert [m["role"] for m in first["messages"]] == ["system", "user"] and first["answer"] == "4"
    assert [m["content"] for m in second["messages"]] == ["hi", "hello", "bye"] and second["answer"] == "bye"
    first, second = scan(FILES / "43_openai_messages.jsonl", "x.jsonl").rows
    assert second["messages"][0]["content"] == "part 1\npart 2" and second["answer"] is None


def test_it_lists_each_wrong_conversation_with_its_line() -> None:
    found = scan(FILES / "45_wrong_roles.jsonl", "x.jsonl")
    assert [r.line for r in found.refused] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert [r["line"] for r in found.rows] == [9]


def test_it_imports_once_the_person_has_accepted() -> None:
    found = scan(FILES / "12_ragged.csv", "x.csv", None, Options(accepted=("bad_rows",)))
    assert found.outcome == "accept" and [r["line"] for r in found.rows] == [2, 5]


def test_it_merges_labels_only_when_asked() -> None:
    found = scan(FILES / "21_labels_whitespace.csv", "x.csv", None, Options(merge_labels=True, accepted=("one_label",)))
    assert {r["answer"] for r in found.rows} == {"refund"}


def test_it_never_runs_a_pickle(capfd: pytest.CaptureFixture[str]) -> None:
    scan(FILES / "50_pickle_named.jsonl", "x.jsonl")
    out, err = capfd.readouterr()
    assert "PICKLE EXECUTED" not in out + err
