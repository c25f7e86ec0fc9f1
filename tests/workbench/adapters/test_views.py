"""Adapters: list, card, download, hashes."""

import hashlib
import io
import zipfile

import pytest
from django.db import connection
from django.urls import reverse

from tests.workbench import make_runs
from workbench.adapters.zipped import disposition, stream


@pytest.fixture
def run(team_a, alice):
    return make_runs.succeeded(team_a, alice, title="Intents / rank 16 \u202e../../etc")


def url(run, name="detail"):
    return reverse(f"adapters:{name}", args=[run.id])


def damage(run, name="adapter/adapter_model.safetensors"):
    """One byte changes at rest, behind everybody's back."""
    sha = run.artifacts.get(name=name).blob_id
    with connection.cursor() as cursor:
        cursor.execute(
            "update runs_blobchunk set data = set_byte(data, 5, get_byte(data, 5) # 1) where sha256 = %s", [sha]
        )


def test_it_lists_the_teams_adapters(client_of, bob, charlie, run):
    assert "rank 16" in client_of(bob).get("/adapters/").content.decode()
    assert "No adapters yet" in client_of(charlie).get("/adapters/").content.decode()


def test_it_shows_files_with_sizes_hashes_and_how_to_load(client_of, alice, run):
    page = client_of(alice).get(url(run)).content.decode()
    assert run.artifacts.get(name="adapter/adapter_model.safetensors").blob_id in page
    assert "2.0 KiB" in page and "PeftModel.from_pretrained" in page and "# A card" in page


def test_it_downloads_a_zip_of_what_was_stored(client_of, alice, run):
    answer = client_of(alice).get(url(run, "download"))
    with zipfile.ZipFile(io.BytesIO(b"".join(answer))) as archive:
        assert archive.testzip() is None
        inside = {n.rpartition("/")[2]: archive.read(n) for n in archive.namelist()}
        assert len({n.partition("/")[0] for n in archive.namelist()}) == 1 and not any(
            ".." in n for n in archive.namelist()
        )
    assert set(inside) == {
        "adapter_model.safetensors",
        "adapter_config.json",
        "README.md",
        "recipe.yaml",
        "report.json",
        "SHA256SUMS",
    }
    assert (
        hashlib.sha256(inside["adapter_model.safetensors"]).hexdigest()
        == run.artifacts.get(name="adapter/adapter_model.safetensors").blob_id
    )


def test_it_sends_headers_that_no_browser_sniffs_or_shows(client_of, alice, run):
    answer = client_of(alice).get(url(run, "download"))
    assert answer["X-Content-Type-Options"] == "nosniff" and answer["Content-Type"] == "application/zip"
    assert (
        answer["Content-Disposition"].startswith('attachment; filename="intents-rank-16')
        and "sandbox" in answer["Content-Security-Policy"]
    )


@pytest.mark.parametrize("name", ["detail", "download"])
def test_it_is_not_there_for_a_stranger(client_of, charlie, run, name):
    assert client_of(charlie).get(url(run, name)).status_code == 404


def test_it_is_not_there_before_the_run_has_succeeded(client_of, alice, team_a):
    assert client_of(alice).get(url(make_runs.running(team_a, alice))).status_code == 404


def test_it_refuses_damaged_bytes_before_the_first_one_is_sent(client_of, alice, run):
    damage(run)
    answer = client_of(alice).get(url(run, "download"))
    assert (
        answer.status_code == 409
        and "ARTIFACT_DAMAGED" in answer.content.decode()
        and "adapter_model.safetensors" in answer.content.decode()
    )


def test_it_checks_the_hashes_when_asked(client_of, alice, run):
    assert "match their hashes" in client_of(alice).post(url(run, "verify")).content.decode()
    damage(run, "adapter/README.md")
    page = client_of(alice).post(url(run, "verify")).content.decode()
    assert "damaged: README.md" in page


def test_it_zips_the_same_files_to_the_same_bytes():
    entries = [("a/x", [b"one", b"two"]), ("a/y", [b""])]
    assert b"".join(stream(entries)) == b"".join(stream(entries))


@pytest.mark.parametrize(
    "name",
    [
        "..",
        ".",
        "",
        "a/b",
        "a\\b",
        "x\r\nSet-Cookie: y",
        "\x00",
        "é日本",
        'q"uote',
        "%2e%2e%2f",
        "n" * 500,
        "\u202etxt.exe",
    ],
)
def test_it_makes_any_name_a_safe_header(name):
    header = disposition(name)
    assert header.isascii() and header.isprintable() and header.count('"') == 2 and len(header) < 1500
    assert not any(c in header.partition("filename*")[0] for c in ("/", "\\", "%"))
