import json

from jobs.distill.cli.main import main
from jobs.distill.models.inspect import inspect_model
from tests.jobs.distill import tiny


def test_it_makes_a_model_of_a_model(tmp_path, capsys):
    model = tiny.model(tmp_path / "m", 1, layers=4)
    asked = ["shape", str(model), "--shape", "{kind: truncate, layers: 2}", "--out", str(tmp_path / "new" / "small")]
    assert main(asked) == 0
    assert inspect_model(tmp_path / "new" / "small").layers == 2
    assert "29,088 parameters instead of 49,696" in capsys.readouterr().out
    assert json.loads((tmp_path / "new" / "small" / "SHAPE.json").read_text())["made_of"] == "m"
    assert main(asked) == 4 and "is there already" in capsys.readouterr().err


def test_it_makes_the_student_of_a_recipe(tmp_path):
    tiny.model(tmp_path / "m", 1, layers=4)
    rows = [{"question": r["messages"][0]["content"], "answer": r["answer"] or "top up"} for r in tiny.rows()]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "recipe.yaml").write_text(
        "method: minitron\nteacher: {model: m}\nstudent: {model: m}\ndata: {file: rows.jsonl}\n"
    )
    assert main(["shape", str(tmp_path / "recipe.yaml"), "--out", str(tmp_path / "small")]) == 0
    facts = inspect_model(tmp_path / "small")
    assert (facts.hidden_size, facts.intermediate_size) == (24, 48)


def test_it_says_what_is_missing(tmp_path, capsys):
    model = tiny.model(tmp_path / "m", 1, layers=4)
    assert main(["shape", str(model), "--out", str(tmp_path / "o")]) == 4
    assert "is no recipe file" in capsys.readouterr().err
    asked = ["shape", str(model), "--shape", "{kind: prune_depth, layers: 2}", "--out", str(tmp_path / "o")]
    assert main(asked) == 4
    assert "must read some rows" in capsys.readouterr().err
