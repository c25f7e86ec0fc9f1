"""From a file or a paste to a run that imports it: what is found, refused, asked and listed on the way."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from workbench.datasets.models import Dataset, Upload
from workbench.runs.models import Kind, Run

from .uploads import CSV, HOSTILE, ROOT, imported, page, send, sent


def test_it_finds_the_roles_of_an_upload_and_says_why(client: Client) -> None:
    html = page(client.get(reverse("datasets:confirm", args=[sent(client).pk])))
    assert "named &quot;text&quot;" in html and "named &quot;label&quot;" in html
    assert "Import 3 rows" in html


def test_it_imports_after_one_press(client: Client, tmp_path: Path) -> None:
    upload = sent(client)
    response = client.post(
        reverse("datasets:confirm", args=[upload.pk]), {"role-0": "user", "role-1": "assistant", "do": "import"}
    )
    assert response.url == reverse("datasets:importing", args=[upload.pk])
    version = imported(upload, tmp_path / "run")
    assert version.counts["rows"] == 3 and version.counts["unlabelled"] == 1
    html = page(client.get(reverse("datasets:version", args=[version.dataset_id, 1])))
    assert "Distil with this" in html and f"?dataset={version.dataset.key}" in html


def test_it_imports_once_for_a_double_click(client: Client) -> None:
    upload = sent(client)
    for _ in range(2):
        client.post(
            reverse("datasets:confirm", args=[upload.pk]), {"role-0": "user", "role-1": "assistant", "do": "import"}
        )
    assert Run.objects.filter(kind=Kind.IMPORT_DATASET).count() == 1


def test_it_takes_pasted_rows(client: Client) -> None:
    response = client.post(
        reverse("datasets:upload"),
        {"text": '{"prompt": "2+2?", "completion": "4"}\n{"prompt": "1+1?", "completion": "2"}'},
    )
    assert response.status_code == 302
    assert Upload.objects.get().findings["roles"] == {"user": "prompt", "assistant": "completion"}


@pytest.mark.parametrize(("name", "said"), [
    ("01_empty.jsonl", "The file is empty (0 bytes)"), ("02_header_only.csv", "A header but no rows"), ("13_unclosed_quote.csv", "quote opened on line 2 never closes"),
    ("17_duplicate_header.csv", "2 times"), ("29_trailing_comma.jsonl", "a comma"), ("37_deep_nesting.json", "Nested too deeply"), ("48_gzip_bomb.jsonl.gz", "expands more than 200:1"),
    ("49_zip_traversal.zip", "unsafe member name"), ("56_xlsx_named.csv", "Excel workbook"), ("59_binary_noise.csv", "binary"),
])  # fmt: skip
def test_it_refuses_with_place_and_remedy_and_keeps_nothing(client: Client, name: str, said: str) -> None:
    response = send(client, (HOSTILE / name).read_bytes(), name)
    assert response.status_code == 422
    assert said in page(response) and "Nothing was kept" in page(response)
    assert not Upload.objects.exists() and not Dataset.objects.exists()


def test_it_imports_the_good_rows_only_on_an_explicit_choice(client: Client) -> None:
    upload = sent(client, (HOSTILE / "12_ragged.csv").read_bytes())
    url, roles = (
        reverse("datasets:confirm", args=[upload.pk]),
        {"role-0": "user", "role-1": "assistant", "do": "import"},
    )
    refused = client.post(url, roles)
    assert refused.status_code == 422 and "line 3: 1 field, expected 2" in page(refused)
    assert client.post(url, {**roles, "accept": "bad_rows"}).status_code == 302
    assert Run.objects.get(kind=Kind.IMPORT_DATASET).spec["options"]["accepted"] == ["bad_rows"]


def test_it_asks_for_the_sheet_of_a_workbook(client: Client) -> None:
    upload = sent(client, (HOSTILE / "55_workbook.xlsx").read_bytes(), "55_workbook.xlsx")
    url = reverse("datasets:confirm", args=[upload.pk])
    assert "The workbook has 2 sheets" in page(client.get(url)) and '<option value="notes">' in page(client.get(url))
    roles = {"role-0": "user", "role-1": "assistant"}
    other = client.post(reverse("datasets:check", args=[upload.pk]), {**roles, "part": "notes"})
    assert "A header but no rows" in page(other), "the columns of the first sheet do not stand in the way"
    accepted = {**roles, "role-0": "user", "part": "train", "accept": "mixed_types", "do": "import"}
    client.post(reverse("datasets:check", args=[upload.pk]), {**roles, "part": "train"})
    assert client.post(url, accepted).status_code == 302
    assert Run.objects.get(kind=Kind.IMPORT_DATASET).spec["options"]["part"] == "train"


def test_it_lists_changed_texts_before_and_after_the_import(client: Client, tmp_path: Path) -> None:
    data = b"text,label\nI lost my card,Lost_card\nWhere is it?,=Lost_card\nAnd mine?,card_arrival\nWhy?,card_arrival\n"
    upload = sent(client, data)
    assert "Rows that will differ from the file" in page(client.get(reverse("datasets:confirm", args=[upload.pk])))
    before = b"".join(client.get(reverse("datasets:upload_listing", args=[upload.pk, "changed"])))
    assert before.splitlines()[:2] == [
        b"part,line,column,what,before,after",
        b",2,label,label in words,Lost_card,lost card",
    ]
    assert b",3,label,label in words,'=Lost_card,'=lost card" in before.splitlines(), "no spreadsheet runs it"
    roles = {"role-0": "user", "role-1": "assistant", "labels": "words", "do": "import"}
    assert client.post(reverse("datasets:confirm", args=[upload.pk]), roles).status_code == 302
    version = imported(upload, tmp_path / "run")
    assert version.counts["changed"] == 4
    assert "Changed rows" in page(client.get(reverse("datasets:version", args=[version.dataset_id, 1])))
    assert b"".join(client.get(reverse("datasets:changed", args=[version.dataset_id, 1]))) == before


def test_it_lists_all_refused_rows_before_the_import(client: Client) -> None:
    upload = sent(client, (HOSTILE / "12_ragged.csv").read_bytes())
    lines = b"".join(client.get(reverse("datasets:upload_listing", args=[upload.pk, "refused"]))).splitlines()
    assert lines[0] == b"part,line,column,reason,remedy" and len(lines) == 3
    assert lines[1].startswith(b',3,,"1 field, expected 2",')
    assert client.get(f"/datasets/uploads/{upload.pk}/others.csv").status_code == 404


def test_it_says_that_no_column_is_the_text(client: Client) -> None:
    upload = sent(client)
    response = client.post(reverse("datasets:check", args=[upload.pk]), {"role-0": "", "role-1": "assistant"})
    assert "No column is the user" in page(response) and "Nothing to import yet" in page(response)


def test_it_says_that_two_columns_have_one_role(client: Client) -> None:
    upload = sent(client)
    response = client.post(reverse("datasets:check", args=[upload.pk]), {"role-0": "user", "role-1": "user"})
    assert response.status_code == 422 and "Choose one of them" in page(response)


def test_it_suggests_words_for_labels_like_names_in_code(client: Client) -> None:
    upload = sent(
        client,
        b"text,category\nI lost my card,Lost_card\nWhere is it?,Lost_card\nWhen does it arrive?,card_arrival\nAnd mine?,card_arrival\n",
    )
    html = page(client.get(reverse("datasets:confirm", args=[upload.pk])))
    assert "Lost_card" in html and "lost card" in html
    response = client.post(reverse("datasets:check", args=[upload.pk]), {"labels": "as_is"})
    upload.refresh_from_db()
    assert upload.findings["rows"][0]["answer"] == "Lost_card" and "Exactly as written" in page(response)


def test_h31_it_shows_markup_and_templates_as_text(client: Client, tmp_path: Path) -> None:
    for name in ("24_html_script.csv", "26_jinja_payload.jsonl"):
        html = page(
            client.get(reverse("datasets:confirm", args=[sent(client, (HOSTILE / name).read_bytes(), name).pk]))
        )
        assert (
            "<script>alert" not in html
            and "<img src=x" not in html
            and '<div hx-get="/datasets/" hx-trigger="load">' not in html
        )
    assert "{{ 7*7 }}" in html


@pytest.mark.parametrize(
    "name",
    [
        "<img src=x onerror=alert(1)>.csv",
        "a;touch OWNED;$(id)`id`&.csv",
        "рaypal\u202elnosj.csv",
        "n" * 240 + ".csv",
        "CON.csv",
        "-rf.csv",
        "../../../evil.csv",
        "..\\..\\evil.csv",
        "..%2f..%2fetc%2fpasswd.csv",
    ],
)
def test_it_takes_any_file_name(client: Client, name: str) -> None:
    upload = sent(client, CSV, name)
    html = page(client.get(reverse("datasets:confirm", args=[upload.pk])))
    assert "<img" not in html.split("<main", 1)[1] and "/" not in upload.filename and "\\" not in upload.filename


def test_h17_it_stops_an_upload_at_the_limit(client: Client, settings: Any) -> None:
    settings.MAX_UPLOAD_BYTES = 1000
    response = send(client, b"text,label\n" + b"a,b\n" * 1000)
    assert response.status_code == 413 and "is larger than" in page(response)
    assert not Upload.objects.exists()


def test_it_needs_the_token_of_the_form(alice: Any) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")
    assert send(strict, CSV).status_code == 403


def test_it_imports_banking77_from_its_shipped_file(client: Client, tmp_path: Path) -> None:
    data = gzip.decompress((ROOT / "jobs" / "samples" / "data" / "banking77" / "train.csv.gz").read_bytes())
    upload = sent(client, data, "train.csv")
    assert upload.findings["counts"] | {"rows": 10003, "labels": 77, "refused": 0} == upload.findings["counts"]
    client.post(reverse("datasets:confirm", args=[upload.pk]), {"do": "import", "labels": "words"})
    version = imported(upload, tmp_path / "run")
    assert version.counts["rows"] == 10003
    assert (
        version.mapping["roles"] == {"user": "text", "assistant": "category"}
        and version.mapping["options"]["labels"] == "words"
    )


def test_it_works_without_javascript(client: Client) -> None:
    """The check button posts the same form and comes back to the page with the new findings."""
    upload = sent(client, b"question;reply;topic\nWhat is it?;a card;cards\nWhere is it?;in the post;post\n")
    url = reverse("datasets:confirm", args=[upload.pk])
    response = client.post(url, {"role-0": "user", "role-1": "", "role-2": "assistant", "do": "check"})
    assert response.url == url
    html = page(client.get(url))
    assert "separated by semicolon" in html and "Import 2 rows, 1 warning seen" in html
    upload.refresh_from_db()
    assert upload.findings["roles"] == {"user": "question", "assistant": "topic"}


def test_it_shows_the_row_without_tokens_while_there_is_no_model(client: Client) -> None:
    html = page(client.get(reverse("datasets:upload_tokens", args=[sent(client).pk]), {"row": "3"}))
    assert "no tokenizer to read with" in html and "Can I pay abroad?" in html and "the teacher answers" in html


def test_it_shows_tokens_of_the_library(client: Client, tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers

    from workbench.library.models import Model

    tokenizer = Tokenizer(models.WordLevel({"<unk>": 0, "lost": 1, "card": 2, "</s>": 3}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.add_special_tokens(["</s>"])
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "tokenizer_config.json").write_text('{"eos_token": "</s>"}')
    Model.objects.create(
        team=None, key="sample/teacher", title="Big one", source="sample", folder=str(tmp_path), facts={"context": 32}
    )
    html = page(client.get(reverse("datasets:upload_tokens", args=[sent(client).pk])))
    assert "Big one" in html and "3 learnt" in html and 'class="tok tok-learnt tok-control"' in html
    assert str(tmp_path) not in html, "no page names a path of the server"


def test_it_discards_an_upload(client: Client) -> None:
    upload = sent(client)
    assert "questions.csv" in page(client.get(reverse("datasets:list")))
    client.post(reverse("datasets:discard", args=[upload.pk]))
    assert not Upload.objects.exists()


def test_a_role_taken_away_stays_away_whatever_the_form_says_beside_it(client: Client) -> None:
    """The page sends that the first line holds names with every change; that alone finds no roles anew."""
    upload = sent(client, b"text,label\na,x\nb,y\n", "pairs.csv")
    changed = {"role-0": "", "role-1": "assistant", "header": "yes", "title": "pairs"}
    html = client.post(
        reverse("datasets:check", args=[upload.pk]), changed, headers={"HX-Request": "true"}
    ).content.decode()
    upload.refresh_from_db()
    assert upload.findings["roles"] == {"assistant": "label"} and "No column is the user" in html
