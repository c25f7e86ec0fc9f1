"""The API: who may ask, strict bodies, one form of error."""

import io
import json
import uuid
import zipfile

import pytest
from django.test import Client

from tests.workbench import make_runs
from workbench.runs.models import Run
from workbench.team.models import ApiToken, Membership

V1 = "/api/v1"


class Api:
    """A client with a token, as scripts use it."""

    def __init__(self, user, team):
        self.text = ApiToken.new_text()
        self.token = ApiToken.objects.create(team=team, user=user, name="t", sha256=ApiToken.digest(self.text))
        self.client = Client(enforce_csrf_checks=True, headers={"Authorization": f"Bearer {self.text}"})

    def get(self, path, **more):
        return self.client.get(V1 + path, **more)

    def post(self, path, data=None, **more):
        body = data if isinstance(data, (str, bytes)) else json.dumps(data if data is not None else {})
        return self.client.post(V1 + path, body, content_type=more.pop("content_type", "application/json"), **more)


@pytest.fixture
def api(alice, team_a):
    return Api(alice, team_a)


@pytest.fixture
def stranger(charlie, team_b):
    return Api(charlie, team_b)


def test_it_says_who_i_am(api):
    assert api.get("/me").json()["email"] == "alice@example.org" and api.get("/me").json()["role"] == "member"


@pytest.mark.parametrize("header", ["Bearer wb_wrong", "Bearer ", "Basic eDp5", ""])
def test_it_refuses_without_a_valid_token(db, header):
    answer = Client(headers={"Authorization": header} if header else {}).get(V1 + "/me")
    assert answer.status_code == 401 and answer.json()["code"] == "SIGN_IN"


def test_it_refuses_a_revoked_token_and_one_whose_owner_left(api, alice):
    Membership.objects.filter(user=alice).delete()
    assert api.get("/me").status_code == 401
    from django.utils import timezone

    ApiToken.objects.update(revoked_at=timezone.now())
    assert api.get("/me").status_code == 401


def test_it_takes_the_browsers_session_only_with_its_csrf_token(alice, team_a):
    run = make_runs.waiting(team_a, alice)
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")
    assert client.get(V1 + "/me").status_code == 200
    answer = client.post(f"{V1}/runs/{run.id}/cancel", content_type="application/json")
    assert answer.status_code == 403 and answer.json()["code"] == "CSRF"
    run.refresh_from_db()
    assert run.state == "queued"


@pytest.mark.parametrize(
    "content_type", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain"]
)
def test_it_refuses_form_content_types(api, content_type):
    answer = api.post("/runs", "recipe=x", content_type=content_type)
    assert answer.status_code == 415 and answer.json()["code"] == "NOT_JSON"


@pytest.mark.parametrize("body", ['{"recipe": NaN}', '{"recipe": {}, "recipe": {}}', "[", "", '{"recipe": {"name": "\\u0000"}}', '{"recipe": {"name": "\\ud800"}}', '{"recipe": 1e400}', "[1]", "null", '{"recipe": null}', '{"recipe": {}, "team_id": 2}', '{"recipe": {"seed": 99999999999999999999999}}', '{"recipe": ' + '{"a":' * 5000 + "1" + "}" * 5001])  # fmt: skip
def test_it_answers_odd_bodies_with_a_sentence(api, body):
    for path in ("/runs", "/plan"):
        answer = api.post(path, body)
        assert answer.status_code in (400, 422) and answer.json()["code"] and answer.json()["message"]


def test_it_names_the_field_and_range_of_a_wrong_recipe(api):
    recipe = {**make_runs.RECIPE, "train": {"learning_rate": 0}}
    answer = api.post("/plan", {"recipe": recipe})
    assert (
        answer.status_code == 422
        and answer.json()["field"] == "train.learning_rate"
        and "greater than 0" in answer.json()["message"]
    )


def test_it_names_line_and_column_of_broken_yaml(api):
    assert "Line 2" in api.post("/plan", {"recipe": "name: x\n  a: [\n"}).json()["message"]


def test_it_refuses_a_recipe_whose_models_are_unknown_with_all_problems(api):
    answer = api.post("/runs", {"recipe": make_runs.RECIPE})
    assert answer.status_code == 422 and {p["field"] for p in answer.json()["problems"]} >= {
        "teacher.model",
        "student.model",
        "data.dataset",
    }
    assert not Run.objects.exists()


def test_it_gives_the_same_run_for_the_same_key(api, team_a, alice):
    from workbench.api.runs import idem_key

    run = make_runs.waiting(team_a, alice, idem_key=idem_key(team_a.id, "k1"))
    answer = api.post("/runs", {"recipe": make_runs.RECIPE}, headers={"Idempotency-Key": "k1"})
    assert answer.status_code == 201 and answer.json()["id"] == str(run.id) and Run.objects.count() == 1


def test_it_keeps_keys_of_teams_apart(team_a, team_b):
    from workbench.api.runs import idem_key

    assert idem_key(team_a.id, "k") != idem_key(team_b.id, "k") and idem_key(team_a.id, None) is None


def test_it_lists_and_shows_runs(api, team_a, alice):
    run = make_runs.succeeded(team_a, alice)
    listed = api.get("/runs?state=finished").json()
    assert listed["count"] == 1 and listed["items"][0]["gap_closed"]["value"] == 0.806
    one = api.get(f"/runs/{run.id}").json()
    assert one["recipe"]["method"] == "llm-neo" and one["state_label"] == "Finished"
    assert api.get(f"/runs/{run.id}/report").json()["scores"]["student"]["n"] == 1200


@pytest.mark.parametrize(
    "query", ["state=x", "sort=password", "page=0", "page=-1", "page=1e9", "kind=other", "page=9999999999999999999999"]
)
def test_it_refuses_odd_queries(api, query):
    assert api.get(f"/runs?{query}").status_code == 422


def test_it_gives_events_after_an_id_until_the_end(api, team_a, alice):
    run = make_runs.succeeded(team_a, alice)
    first = api.get(f"/runs/{run.id}/events?limit=3").json()
    rest = api.get(f"/runs/{run.id}/events?after={first['last_id']}").json()
    ids = [e["id"] for e in first["items"] + rest["items"]]
    assert len(first["items"]) == 3 and not first["ended"] and rest["ended"] and ids == sorted(set(ids))


def test_it_gives_curves(api, team_a, alice):
    run = make_runs.running(team_a, alice)
    make_runs.curves(run, 30)
    loss = next(c for c in api.get(f"/runs/{run.id}/metrics").json() if c["name"] == "loss" and c["arm"] == "student")
    assert loss["count"] == len(loss["x"]) == len(loss["y"]) == 30


def test_it_cancels_and_says_when_that_is_not_possible(api, team_a, alice):
    assert api.post(f"/runs/{make_runs.waiting(team_a, alice).id}/cancel").json()["state"] == "cancelled"
    answer = api.post(f"/runs/{make_runs.succeeded(team_a, alice).id}/cancel")
    assert answer.status_code == 409 and answer.json()["code"] == "RUN_STATE"


def test_it_downloads_the_adapter(api, team_a, alice):
    run = make_runs.succeeded(team_a, alice)
    files = {f["name"] for f in api.get(f"/adapters/{run.id}").json()["files"]}
    with zipfile.ZipFile(io.BytesIO(b"".join(api.get(f"/adapters/{run.id}/download")))) as archive:
        assert {n.rpartition("/")[2] for n in archive.namelist()} == files


@pytest.mark.parametrize(
    "path",
    ["/runs/{}", "/runs/{}/events", "/runs/{}/metrics", "/runs/{}/report", "/adapters/{}", "/adapters/{}/download"],
)
def test_it_answers_a_stranger_like_a_random_id(stranger, team_a, alice, path):
    run = make_runs.succeeded(team_a, alice)
    theirs, random = stranger.get(path.format(run.id)), stranger.get(path.format(uuid.uuid4()))
    assert theirs.status_code == random.status_code == 404 and theirs.content == random.content


@pytest.mark.parametrize("verb", ["cancel", "pause", "resume", "retry"])
def test_it_takes_no_orders_from_a_stranger_or_a_viewer(stranger, api, team_a, alice, verb):
    run = make_runs.waiting(team_a, alice)
    assert stranger.post(f"/runs/{run.id}/{verb}").status_code == 404
    Membership.objects.filter(user=alice).update(role="viewer")
    assert api.post(f"/runs/{run.id}/{verb}").status_code == 403
    run.refresh_from_db()
    assert run.state == "queued"


def test_it_lists_methods_and_parts(api):
    assert "llm-neo" in {s["id"] for s in api.get("/systems").json()}
    assert api.get("/systems/llm-neo").json()["paper"] and api.get("/systems/nothing").status_code == 404
    assert api.get("/parts").json()


def test_it_adds_a_model_and_refuses_what_is_none(api):
    answer = api.post("/models", {"model": "org/name"})
    assert answer.status_code == 202 and answer.json()["kind"] == "add_model"
    refused = api.post("/models", {"model": "../x"})
    assert refused.status_code == 422 and refused.json()["field"] == "model"


def test_it_uploads_raw_and_multipart(api):
    rows = b"text,label\n" + b"".join(f"question {i},label{i % 3}\n".encode() for i in range(60))
    raw = api.post("/datasets/uploads?filename=rows.csv", rows, content_type="application/octet-stream")
    assert raw.status_code == 201 and raw.json()["findings"]["columns"]
    from django.core.files.uploadedfile import SimpleUploadedFile

    form = api.client.post(V1 + "/datasets/uploads", {"file": SimpleUploadedFile("rows.csv", rows)})
    assert form.status_code == 201 and form.json()["filename"] == "rows.csv"
    assert api.get(f"/datasets/uploads/{raw.json()['id']}").status_code == 200


def test_it_refuses_an_upload_without_name_or_rows(api):
    assert api.post("/datasets/uploads", b"x", content_type="application/octet-stream").json()["field"] == "filename"
    empty = api.post("/datasets/uploads?filename=a.csv", b"", content_type="application/octet-stream")
    assert empty.status_code == 422 and "empty" in empty.json()["message"]


@pytest.mark.parametrize(("name", "body", "status", "expected"), [
    ("rows.jsonl", b'{"text":"a","label":"b"}\n' + b'{"text": "' + b"x" * (5 << 20), 413, {"code": "TOO_LARGE", "problem": "line_too_long", "field": "lines[2]", "limit": 4 << 20}),
    ("rows.csv", b"text,text\na,b\n", 422, {"code": "DATA_REFUSED", "problem": "header", "field": "lines[1].text"}),
    ("rows.py", b"print('owned')\n", 422, {"code": "DATA_REFUSED", "problem": "python_file", "field": "file"}),
    ("rows.jsonl", b"\x1f\x8b" + b"\0" * 30, 422, {"code": "DATA_REFUSED", "problem": "gzip_damaged", "field": "file"}),
])  # fmt: skip
def test_a_refused_file_says_code_problem_field_limit_and_hint(api, name, body, status, expected):
    answer = api.post(f"/datasets/uploads?filename={name}", body, content_type="application/octet-stream")
    said = answer.json()
    assert answer.status_code == status and said["message"] and said["hint"]
    assert {k: said.get(k) for k in expected} == expected


def test_it_looks_again_and_lists_refused_and_changed_rows(api, stranger):
    rows = b"text,label\n" + b"a,Lost_card\nb,Lost_card\nc\nd,card_arrival\n" * 2
    answer = api.post("/datasets/uploads?filename=rows.csv", rows, content_type="application/octet-stream")
    assert answer.status_code == 201, answer.json()
    upload = answer.json()
    path = f"/datasets/uploads/{upload['id']}"
    assert api.post(f"{path}/look", {"options": {"colour": "red"}}).status_code == 422
    again = api.post(f"{path}/look", {"options": {"labels": "words"}}).json()
    assert again["findings"]["counts"]["changed"] == 6 and again["findings"]["options"] == {"labels": "words"}
    refused = b"".join(api.get(f"{path}/listing")).decode().splitlines()
    assert [line.split(",")[1] for line in refused] == ["line", "4", "8"]
    changed = b"".join(api.get(f"{path}/listing?which=changed")).decode().splitlines()
    assert changed[1] == ",2,label,label in words,Lost_card,lost card" and len(changed) == 7
    assert api.get(f"{path}/listing?which=all").status_code == 422
    assert stranger.get(f"{path}/listing").status_code == stranger.post(f"{path}/look", {}).status_code == 404


def test_h17_an_upload_stops_at_the_limit_and_leaves_no_file(api, settings, tmp_path, monkeypatch):
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    settings.MAX_UPLOAD_BYTES = 3 << 20
    answer = api.post(
        "/datasets/uploads?filename=a.csv", b"text,label\n" * (1 << 19), content_type="application/octet-stream"
    )
    assert answer.status_code == 413 and answer.json()["limit"] == 3 << 20 and answer.json()["field"] == "file"
    assert not list(tmp_path.iterdir())


def test_it_describes_itself(client):
    described = client.get(V1 + "/openapi.json").json()
    assert {"/api/v1/runs", "/api/v1/plan", "/api/v1/models", "/api/v1/datasets/uploads", "/api/v1/systems"} <= set(
        described["paths"]
    )
