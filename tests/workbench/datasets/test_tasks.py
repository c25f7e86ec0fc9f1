"""Roles and the task of an upload on its page: found, changed by a person, kept with the version."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.test import Client
from django.urls import reverse

from workbench.datasets.models import Upload
from workbench.runs.models import Kind, Run

from .test_views import imported, page, sent

LABELLED = b"text,label\nWhere is it?,lost card\nIt is gone,lost card\nCan I pay?,pay\nPay now,pay\nStill lost,lost card\nHow to pay,pay\n"
FIELDS = (
    b'{"text": "At 5", "intents": ["when"], "slots": {"time": "5"}}\n{"text": "Hi", "intents": [], "slots": null}\n'
)


def check(client: Client, upload: Upload, **data: Any) -> str:
    response = client.post(reverse("datasets:check", args=[upload.pk]), data)
    upload.refresh_from_db()
    return page(response)


def test_it_says_the_task_and_the_metric_and_leaves_the_rows_alone(client: Client, tmp_path: Path) -> None:
    upload = sent(client, LABELLED)
    html = page(client.get(reverse("datasets:confirm", args=[upload.pk])))
    assert "Found: Classification" in html and "answers that match exactly" in html
    assert "and its values are labels" in html
    response = client.post(
        reverse("datasets:confirm", args=[upload.pk]), {"instruction": "Not asked for.", "do": "import"}
    )
    assert response.status_code == 302
    assert "instruction" not in Run.objects.get(kind=Kind.IMPORT_DATASET).spec["options"]
    version = imported(upload, tmp_path / "run")
    assert version.mapping["task"]["key"] == "classification"
    assert version.mapping["task"]["metric"] == "exact_match"


def test_it_shows_the_row_with_the_instruction_that_a_person_asked_for(client: Client) -> None:
    upload = sent(client, LABELLED)
    html = check(
        client, upload, instruct="1", instruction="One of {{label_count}}: {{labels}}", place="user", answer="as_is"
    )
    assert "One of 2: lost card\npay\n\nWhere is it?" in html
    assert upload.findings["options"]["place"] == "user"
    html = check(client, upload, instruct="1", instruction="One of {{lables}}")
    assert "Did you mean {{labels}}?" in html and "Nothing to import yet" in html


def test_it_takes_the_task_that_a_person_chose(client: Client) -> None:
    upload = sent(client, LABELLED)
    html = check(client, upload, task="summary")
    assert "Chosen: Summary" in html and "ROUGE-L" in html
    assert "As found: Classification" in html
    html = check(client, upload, **{"role-0": "user", "role-1": "label"})
    assert "Chosen by you" in html


def test_it_keeps_what_a_person_wrote_before_it_is_asked_for(client: Client) -> None:
    upload = sent(client, LABELLED)
    proposed = upload.findings["template"]["instruction"]
    assert "My own words.</textarea>" in check(client, upload, instruction="My own words.", proposed=proposed)
    assert "instruction" not in upload.findings["options"]
    html = check(client, upload, task="chat", instruction=proposed.replace("\n", "\r\n"), proposed=proposed)
    assert "You are a helpful assistant.</textarea>" in html


def test_columns_become_fields_of_a_json_answer(client: Client) -> None:
    upload = sent(client, FIELDS, "rows.jsonl")
    assert upload.findings["roles"] == {"user": "text", "field:intents": "intents", "field:slots": "slots"}
    html = check(client, upload, **{"role-0": "user", "role-1": "field", "role-2": "field"})
    assert "[&quot;when&quot;], &quot;slots&quot;: {&quot;time&quot;: &quot;5&quot;}" in html
    check(client, upload, **{"role-0": "user", "role-1": "field", "role-2": ""})
    assert upload.findings["roles"] == {"user": "text", "field:intents": "intents"}


def test_the_manual_shows_every_template(client: Client) -> None:
    html = page(client.get(reverse("help:page", args=["tasks"])))
    assert "Reasoning with answer" in html and "{{label_count}}" in html and "{tasks}" not in html
