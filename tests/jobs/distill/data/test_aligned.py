"""Two tokenizers side by side: the same characters, cut where both have a boundary."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from jobs.distill.data.aligned import spans
from jobs.distill.data.preview import answer

ROW = {"messages": [{"role": "user", "content": "When does my 🐎 card arrive?"}], "answer": "card arrival", "line": 2}


@pytest.fixture(scope="module")
def letters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tokenizer of single bytes, with another template."""
    folder = tmp_path_factory.mktemp("letters")
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({c: i for i, c in enumerate(alphabet)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["</s>"])
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"eos_token": "</s>"}))
    (folder / "chat_template.jinja").write_text(
        "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}</s>{% endfor %}"
    )
    return folder


def read(*folders: Path, **more: Any) -> dict[str, Any]:
    asked = [{"folder": str(f), "title": f.name, "context": 512} for f in folders]
    return answer({"verb": "preview", "rows": [ROW], "models": asked, **more})


def test_every_span_holds_the_same_characters_on_both_sides(model_folder: Path, letters: Path) -> None:
    found = read(model_folder, letters)["aligned"][0]
    assert [p["role"] for p in found] == ["user", "answer"]
    for part, text in zip(found, (ROW["messages"][0]["content"], ROW["answer"]), strict=True):
        left = "".join("".join(s["left"]) for s in part["spans"])
        assert left == "".join("".join(s["right"]) for s in part["spans"]) == text
        assert all("".join(s["left"]) == "".join(s["right"]) for s in part["spans"])
        assert part["right"] == len(text.encode()) and part["left"] == sum(len(s["left"]) for s in part["spans"])
    assert not all(s["same"] for s in found[0]["spans"])


def test_one_tokenizer_with_itself_differs_nowhere(model_folder: Path) -> None:
    found = read(model_folder, model_folder)["aligned"][0]
    assert all(s["same"] and s["left"] == s["right"] for part in found for s in part["spans"])


def test_spans_end_where_both_sides_end() -> None:
    left, right = [("ab", 2), ("c", 3), ("de", 5)], [("a", 1), ("bc", 3), ("d", 4), ("e", 5), ("", 5)]
    assert [(s["left"], s["right"]) for s in spans(left, right)] == [
        (["ab", "c"], ["a", "bc"]),
        (["de"], ["d", "e", ""]),
    ]
    assert spans([], []) == [] and spans([("a", 1)], [])[0]["right"] == []


def test_each_token_says_its_place_and_its_bytes(model_folder: Path, letters: Path) -> None:
    for model in read(model_folder, letters)["models"]:
        row = model["rows"][0]
        text = row["rendered"]
        for (shown, _, _, control), (start, stop, piece, spelled) in zip(row["tokens"], row["details"], strict=True):
            assert shown == text[start:stop]
            if not control and shown and "�" not in bytes.fromhex(spelled).decode("utf-8", "replace"):
                assert bytes.fromhex(spelled).decode() == shown
            assert piece
        assert sum(row["classes"].values()) == len(row["tokens"])


def test_a_character_of_several_tokens_shows_the_bytes_of_each(letters: Path) -> None:
    row = read(letters)["models"][0]["rows"][0]
    at = next(i for i, t in enumerate(row["tokens"]) if t[0] == "🐎")
    assert " ".join(d[3] for d in row["details"][at : at + 4]) == "🐎".encode().hex(" ")
    assert [t[0] for t in row["tokens"][at + 1 : at + 4]] == ["", "", ""]


def test_painted_characters_are_shown_as_ignored(model_folder: Path) -> None:
    painted = ROW | {"row_id": "x", "fields": json.dumps({"paint": [[0, 4, 0]]})}
    found = answer({"verb": "preview", "rows": [painted], "models": [{"folder": str(model_folder)}]})["models"][0][
        "rows"
    ][0]
    shown = {kind: "".join(t for t, k, _, _ in found["tokens"] if k == kind) for kind in ("learnt", "ignored")}
    assert shown == {"learnt": " arrival<|im_end|>", "ignored": "card\n"}


def test_a_model_that_cannot_read_does_not_hide_the_other(model_folder: Path, tmp_path: Path) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).write_bytes((model_folder / name).read_bytes())
    (tmp_path / "chat_template.jinja").write_text("{{ raise_exception('no') }}")
    found = read(tmp_path, model_folder)
    assert found["models"][0]["error"] and found["models"][1]["rows"] and found["aligned"] is None
