import json

import pytest

from jobs.distill.errors import DistillError, ModelRejected
from jobs.distill.events import Events
from jobs.distill.models.verbs import add_model, resolve
from jobs.distill.plan.facts import ModelFacts
from jobs.distill.recipe import ModelRef


def run(folder, **params) -> dict:
    folder.mkdir(exist_ok=True)
    (folder / "params.json").write_text(json.dumps(params))
    add_model(folder, Events(folder))
    return json.loads((folder / "report.json").read_text())


def test_it_adds_a_folder_as_a_private_copy(tiny, tmp_path):
    (tiny / "notes.txt").write_text("mine")
    report = run(tmp_path / "run", source="folder", key=str(tiny), target=str(tmp_path / "library"))
    facts = ModelFacts.model_validate(report["facts"])
    assert facts.name == "tiny" and facts.sha256 == report["sha256"] and report["licence"] == "apache-2.0"
    assert report["folder"] == str(tmp_path / "library")
    assert not (tmp_path / "library" / "notes.txt").exists()
    (tiny / "model.safetensors").write_bytes(b"")
    assert (tmp_path / "library" / "model.safetensors").stat().st_size > 1000


def test_it_adds_from_the_hub_with_the_token_of_the_environment(hub, family, tmp_path, monkeypatch):
    commit = hub.add("alice/tiny", family("qwen3"))
    hub.gated["alice/tiny"] = "secret"
    monkeypatch.setenv("WB_HUB_TOKEN", "secret")
    report = run(tmp_path / "run", source="hub", key="alice/tiny", revision="", target=str(tmp_path / "m"))
    assert (
        report["revision"] == commit and report["facts"]["name"] == "alice/tiny" and report["facts"]["source"] == "hub"
    )
    assert "secret" not in (tmp_path / "run" / "events.jsonl").read_text()


def test_it_leaves_nothing_under_the_target_when_the_folder_is_bad(tiny, tmp_path):
    (tiny / "evil.pkl").write_bytes(b"x")
    with pytest.raises(ModelRejected, match="evil.pkl"):
        run(tmp_path / "run", source="folder", key=str(tiny), target=str(tmp_path / "library"))
    assert not (tmp_path / "library").exists()


def test_it_resolves_folders_and_hub_ids(hub, family, tmp_path, monkeypatch):
    monkeypatch.setenv("WB_MODEL_CACHE", str(tmp_path / "cache"))
    assert resolve(str(family("llama"))) == family("llama")
    commit = hub.add("alice/tiny", family("llama"))
    place = resolve(ModelRef(model="alice/tiny"))
    assert place.name == commit and (place / "model.safetensors").exists()
    newer = hub.add("alice/tiny", family("opt"))
    assert resolve("alice/tiny").name == newer
    assert place.exists()
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert resolve("alice/tiny").name == newer
    assert resolve(ModelRef(model="alice/tiny", revision=commit)) == place
    with pytest.raises(DistillError, match="cannot be reached"):
        resolve("alice/unknown")


@pytest.mark.parametrize("model", ["/no/such/folder", "./nothing", "sample/none"])
def test_it_says_what_a_model_may_be(model):
    with pytest.raises(ModelRejected) as e:
        resolve(model)
    assert e.value.hint
