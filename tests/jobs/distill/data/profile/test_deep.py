"""The profile of rows in which copies, overlaps, noise, languages and personal data were planted."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from jobs.distill.data.behind import rows_behind, rows_over
from jobs.distill.data.load import RowsWriter, iter_rows
from jobs.distill.data.profile import deep_profile
from jobs.distill.data.profile.deep import FILES
from jobs.distill.data.rows import Row
from jobs.distill.data.split import row_id_of
from jobs.distill.plan.facts import DataFacts

NOUNS = ["card", "transfer", "refund", "cheque", "branch", "balance", "fee", "limit", "statement", "deposit"]
VERBS = ["lost", "blocked", "moved", "counted", "signed", "printed", "checked", "opened", "closed", "doubled"]


def question(seed: int) -> str:
    rng = random.Random(seed)
    words = [f"{rng.choice(VERBS)} {rng.choice(NOUNS)} {rng.randrange(10_000)}" for _ in range(8)]
    return "Why was the " + " and the ".join(words) + "?"


def planted() -> list[tuple[str, str | None, str, str]]:
    """(text, answer, split, domain): 200 plain rows, then what was planted, in a known order."""
    rows: list[tuple[str, str | None, str, str]] = [
        (question(i), f"label {'abcd'[i % 4] * 3}", "heldout" if i % 10 == 9 else "train", ["bank", "shop"][i % 2])
        for i in range(200)
    ]
    rows += [(question(0), "label aaa", "train", "bank")] * 2  # 201, 202: exact copies of row 1
    rows += [(question(1) + " Please.", "label bbb", "train", "bank")]  # 203: nearly row 2, agrees
    rows += [(question(2) + " Thanks.", "label ddd", "train", "bank")]  # 204: nearly row 3, which says ccc
    rows += [(question(3), "label aaa", "train", "bank")]  # 205: row 4 again, which says ddd
    rows += [(question(9).upper(), "label bbb", "train", "bank")]  # 206: held-out row 10 in capitals, for training
    rows += [(question(19) + " Thank you.", "label ddd", "train", "bank")]  # 207: nearly held-out row 20
    rows += [("Quoted: " + question(29)[:120], None, "train", "shop")]  # 208: thirteen words of held-out row 30
    rows += [("Warum ist meine Karte nicht da und wann kommt sie?", "Label AAA", "train", "shop")]  # 209
    rows += [("Mail alice@example.org or pay 4111 1111 1111 1111", "label aab", "train", "shop")]  # 210
    return rows


@pytest.fixture(scope="module")
def measured(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("deep")
    writer = RowsWriter(folder / "rows.parquet")
    seen: dict[str, int] = {}
    for line, (text, answer, split, domain) in enumerate(planted(), start=2):
        messages = [{"role": "user", "content": text}]
        row_id = row_id_of(messages, answer)
        seen[row_id] = seen.get(row_id, 0) + 1
        row_id += f".{seen[row_id]}" if seen[row_id] > 1 else ""
        writer.add(Row(row_id, messages, answer, split, line, fields={"domain": domain}))
    writer.close()
    tokenizers = [{"folder": str(model_folder), "vocab_sha256": "v", "title": "Tiny", "context": 64}]
    told: list[str] = []
    found = deep_profile(
        iter_rows(folder / "rows.parquet"), "0" * 64, tokenizers, 0.1, lambda part, done: told.append(part), folder
    )
    json.dumps(found)
    return found | {"folder": folder, "closely": found["profile"]["closely"], "told": told}


def behind(measured: dict[str, Any], kind: str, value: str = "") -> list[int]:
    return sorted(rows_behind(measured["folder"] / FILES[0], kind, value))


def test_it_counts_exact_copies_and_says_which(measured: dict[str, Any]) -> None:
    assert measured["closely"]["exact"] == {"rows": 2, "groups": 1, "largest": 3}
    assert behind(measured, "copies", "exact") == [201, 202]


def test_it_finds_near_copies_with_their_similarity(measured: dict[str, Any]) -> None:
    near = measured["closely"]["near"]
    assert near["pairs"] == 3 and behind(measured, "copies", "near") == [2, 3, 20, 203, 204, 207]
    assert all(0.9 < e["similarity"] < 1 for e in near["examples"])
    assert "% like row 2" in rows_behind(measured["folder"] / FILES[0], "copies", "near")[203]


def test_it_finds_held_out_rows_that_were_trained_on(measured: dict[str, Any]) -> None:
    across = measured["closely"]["across"]
    assert (across["exact"], across["near"], across["heldout"]) == (1, 1, 20)
    assert behind(measured, "across", "exact") == [10] and behind(measured, "across", "near") == [20]
    assert set(behind(measured, "across", "words: runs")) == {206, 207, 208}
    assert across["runs"]["either"]["others"] == 3 and across["runs"]["words"] == 13


def test_it_finds_texts_under_different_labels_and_neighbours_that_disagree(measured: dict[str, Any]) -> None:
    noise = measured["closely"]["noise"]
    assert noise["conflicts"]["texts"] == 1 and behind(measured, "noise", "conflicts") == [4, 205]
    assert noise["neighbours"]["pairs"] == 1 and behind(measured, "noise", "neighbours") == [3, 204]
    assert "label ddd" in rows_behind(measured["folder"] / FILES[0], "noise", "neighbours")[3]


def test_it_finds_labels_that_are_probably_the_same(measured: dict[str, Any]) -> None:
    assert [[label for label, _ in group] for group in measured["closely"]["label_variants"]] == [
        ["label aaa", "Label AAA"]
    ]
    assert ["label aab", 1, "label aaa", 53] in measured["closely"]["label_typos"]


def test_it_masks_personal_data_and_leads_to_the_rows(measured: dict[str, Any]) -> None:
    kinds = {p["kind"]: p for p in measured["closely"]["private"]}
    assert {k: p["rows"] for k, p in kinds.items()} == {"card number": 1, "e-mail address": 1}
    assert kinds["e-mail address"]["examples"] == [{"row": 210, "masked": "a…@e….org"}]
    stored = json.dumps(measured["profile"]) + str(rows_behind(measured["folder"] / FILES[0], "private", ""))
    assert "alice@" not in stored and "4111 1111" not in stored


def test_it_tells_languages_and_domains_apart(measured: dict[str, Any]) -> None:
    assert ["German", 1] in measured["closely"]["languages"] and behind(measured, "language", "German") == [209]
    table = {d["domain"]: d for d in measured["closely"]["domains"]}
    assert table["bank"]["rows"] + table["shop"]["rows"] == 210 and table["bank"]["tokens"]["v"] > 0
    assert table["bank"]["labels"][0][1] > 0.3


def test_the_cost_of_every_cut_is_exact(measured: dict[str, Any]) -> None:
    facts = DataFacts.model_validate(measured["facts"])
    pairs = list(zip(facts.prompt_lengths["v"], facts.answer_lengths["v"], strict=True))
    costs = measured["profile"]["tokens"]["v"]["costs"]
    assert costs["exact"] and len(pairs) == 210
    for cut in range(8, max(p + a for p, a in pairs) + 2):
        step = max((s for s in costs["steps"] if s[0] <= cut), key=lambda s: s[0])
        over = [(p, a) for p, a in pairs if p + a > cut]
        alone = [a for p, a in pairs if a and a >= cut]
        assert step[1:] == [len(over), sum(a for _, a in over), len(alone), sum(alone)]
        if cut % 20 == 0:
            assert len(rows_over(measured["folder"] / FILES[1], "v", cut)) == len(over)


def test_it_says_what_it_looked_at(measured: dict[str, Any]) -> None:
    closely = measured["closely"]
    assert (closely["rows"], closely["of"], closely["every"]) == (210, 210, 1)
    assert closely["splits"] == {"train": 190, "heldout": 20}
    assert measured["told"][-1] == "languages, secrets"
