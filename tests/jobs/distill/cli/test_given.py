"""Files named on the command line that are not there, or no text: a sentence, never a stack trace."""

import pytest

from jobs.distill.cli.main import main


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (["plan", "none.yaml"], "There is no file none.yaml. Give a recipe in YAML or JSON, or a run folder."),
        (["plan", "odd"], "odd: byte 5 is no UTF-8 text. Give a recipe"),
        (["run", "odd"], "odd: byte 5 is no UTF-8 text"),
        (["data", "diff", "none", "odd"], "There is no file none. Give the rows of a version, rows.parquet."),
        (["data", "transform", "rows.jsonl", "--steps", "none.yaml", "--preview"], "There is no file none.yaml."),
        (["data", "transform", "rows.jsonl", "--steps", "odd", "--preview"], "byte 5 is no UTF-8 text"),
    ],
)
def test_it_says_which_file_is_wrong(tmp_path, monkeypatch, capsys, command, says):
    (tmp_path / "odd").write_bytes(b"name: \xdf\n".replace(b" ", b""))
    (tmp_path / "rows.jsonl").write_text('{"question": "a?", "answer": "b"}\n{"question": "c?", "answer": "d"}\n')
    monkeypatch.chdir(tmp_path)
    assert main(command) == 4
    assert says in capsys.readouterr().err
