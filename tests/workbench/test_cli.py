"""The `workbench` command against a real server."""

import stat
import zipfile

import pytest

from tests.workbench import make_runs
from workbench import cli, client
from workbench.team.models import ApiToken


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("WORKBENCH_TOKEN", raising=False)
    monkeypatch.delenv("WORKBENCH_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def signed_in(home, live_server, alice, team_a):
    text = ApiToken.new_text()
    ApiToken.objects.create(team=team_a, user=alice, name="cli", sha256=ApiToken.digest(text))
    assert cli.main(["login", live_server.url, "--token", text]) == 0
    return home


def test_it_keeps_the_token_where_only_the_owner_reads(signed_in, capsys):
    assert stat.S_IMODE(client.config_file().stat().st_mode) == 0o600
    assert cli.main(["models"]) == 0 and "No models yet" in capsys.readouterr().out


def test_it_refuses_a_wrong_token_and_keeps_nothing(home, live_server, capsys):
    assert cli.main(["login", live_server.url, "--token", "wb_wrong"]) == cli.REFUSED
    assert "valid token" in capsys.readouterr().err and not client.config_file().exists()


def test_it_says_how_to_sign_in(home, capsys):
    assert cli.main(["models"]) == cli.REFUSED
    assert "workbench login URL" in capsys.readouterr().err


def test_it_says_when_nobody_answers(home, monkeypatch, capsys):
    monkeypatch.setenv("WORKBENCH_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("WORKBENCH_TOKEN", "wb_x")
    assert cli.main(["models"]) == cli.UNREACHABLE
    assert "cannot be reached" in capsys.readouterr().err


def test_it_watches_to_the_end_and_prints_the_report(signed_in, team_a, alice, capsys):
    run = make_runs.succeeded(team_a, alice)
    make_runs.event(run, "log", level="info", message="first line\x1b[31m")
    assert cli.main(["watch", f"#{run.number}"]) == 0
    out = capsys.readouterr().out
    assert out.count("first line") == 1 and "\x1b" not in out
    assert "student  0.744 [0.721, 0.766]" in out and "Gap closed 0.806 [0.773, 0.838]" in out


def test_it_ends_with_three_for_a_failed_run(signed_in, team_a, alice, capsys):
    run = make_runs.failed(team_a, alice)
    assert cli.main(["watch", str(run.id)]) == cli.RUN_FAILED
    assert "stopped being finite at step 41" in capsys.readouterr().out


def test_it_cancels(signed_in, team_a, alice, capsys):
    run = make_runs.waiting(team_a, alice)
    assert cli.main(["cancel", str(run.number)]) == 0
    run.refresh_from_db()
    assert run.state == "cancelled"


def test_it_compares(signed_in, team_a, alice, capsys):
    runs = [make_runs.succeeded(team_a, alice, title=f"Run {n}", slot=f"cpu-{n}") for n in (1, 2)]
    assert cli.main(["compare", *(str(r.number) for r in runs)]) == 0
    out = capsys.readouterr().out
    assert "Run 1" in out and "Run 2" in out and "LLM-Neo" in out and "0.896" in out


def test_it_downloads_the_adapter_whole_or_not_at_all(signed_in, team_a, alice, capsys):
    run = make_runs.succeeded(team_a, alice)
    assert cli.main(["download", str(run.number), "-o", "a.zip"]) == 0
    assert zipfile.ZipFile("a.zip").testzip() is None and not list(signed_in.glob("*.partial"))
    assert cli.main(["download", str(make_runs.waiting(team_a, alice).number)]) == cli.REFUSED


def test_it_refuses_a_recipe_with_every_reason(signed_in, capsys):
    (signed_in / "r.yaml").write_text(
        "method: llm-neo\nteacher: {model: no/such}\nstudent: {model: no/such}\ndata: {dataset: none}\n"
    )
    assert cli.main(["submit", "r.yaml"]) == cli.REFUSED
    err = capsys.readouterr().err
    assert "no model 'no/such'" in err and "data.dataset" in err


def test_it_says_which_file_is_missing(signed_in, capsys):
    assert cli.main(["submit", "nothing.yaml"]) == cli.REFUSED
    assert "nothing.yaml" in capsys.readouterr().err


def test_it_says_where_a_recipe_is_no_text(signed_in, tmp_path, capsys):
    (tmp_path / "recipe.yaml").write_bytes(b"version: 1\nname: Stra\xdfe\n")
    assert cli.main(["check", str(tmp_path / "recipe.yaml")]) == cli.REFUSED
    assert "Byte 21 of the file is no UTF-8 text" in capsys.readouterr().err


@pytest.mark.parametrize(("words", "version"), [([], False), (["--go-on"], None), (["--go-on", "0"], 0)])
def test_a_version_that_is_asked_for_is_never_taken_for_the_newest(words, version):
    assert cli.parser().parse_args(["gate", "3", *words]).go_on is version


def test_it_says_what_a_run_does_not_have(signed_in, team_a, alice, capsys):
    run = make_runs.succeeded(team_a, alice)
    assert cli.main(["gate", str(run.number)]) == cli.REFUSED
    assert "This run waits for no review." in capsys.readouterr().err


def test_it_does_not_find_a_strangers_run(signed_in, team_b, charlie, capsys):
    run = make_runs.waiting(team_b, charlie)
    assert cli.main(["cancel", str(run.number)]) == cli.REFUSED and cli.main(["watch", str(run.id)]) == cli.REFUSED


def test_it_uploads_rows_and_starts_the_import(signed_in, capsys, monkeypatch):
    from workbench.runs.models import Kind, Run

    followed = []
    monkeypatch.setattr(cli, "follow", lambda api, run: followed.append(run) or 0)  # no worker runs here
    rows = "text,label\n" + "".join(f"question number {i} about cards,label{i % 3}\n" for i in range(90))
    (signed_in / "rows.csv").write_text(rows)
    assert cli.main(["datasets", "upload", "rows.csv", "--title", "My rows", "--yes"]) == 0
    run = Run.objects.get(kind=Kind.IMPORT_DATASET)
    assert run.spec["title"] == "My rows" and followed[0]["id"] == str(run.id) and "text" in capsys.readouterr().out
