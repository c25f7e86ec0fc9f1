import json
from pathlib import Path

import pytest

from jobs.distill.errors import DistillError, HubUnavailable, ModelRejected
from jobs.distill.events import Events, read
from jobs.distill.models import hub as hubs
from jobs.distill.models.inspect import inspect_model


@pytest.fixture
def model(hub, family):
    hub.add(
        "alice/tiny",
        family("llama"),
        extra={"pytorch_model.bin": b"x", "modeling.py": b"x", "notes.txt": b"x", "LICENSE": b"Apache"},
    )
    return "alice/tiny"


def refused(*args, error=HubUnavailable, **kwargs) -> DistillError:
    with pytest.raises(error) as e:
        hubs.download(*args, **kwargs)
    return e.value


def test_it_fetches_safe_files_and_pins_the_commit(hub, model, tmp_path):
    fetched = hubs.download(model, None, tmp_path / "m")
    assert fetched.revision == hub.branches[model, "main"]
    names = {p.name for p in (tmp_path / "m").iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json", "README.md", "LICENSE"} <= names
    assert not {"pytorch_model.bin", "modeling.py", "notes.txt"} & names
    assert not any("modeling.py" in path or ".bin" in path for _, path, _ in hub.asked)
    assert all(fetched.revision in path for _, path, _ in hub.asked if "/resolve/" in path)
    assert inspect_model(tmp_path / "m").sha256


def test_it_takes_the_revision_asked_for(hub, model, family, tmp_path):
    old = hub.branches[model, "main"]
    new = hub.add(model, family("qwen2"))
    assert hubs.download(model, old, tmp_path / "a").revision == old
    assert hubs.download(model, "main", tmp_path / "b").revision == new
    assert inspect_model(tmp_path / "a").model_type == "llama"
    assert inspect_model(tmp_path / "b").model_type == "qwen2"


def test_it_replaces_an_older_revision_in_the_same_folder(hub, model, family, tmp_path):
    hubs.download(model, "main", tmp_path / "m")
    hub.add(model, family("gpt2"))
    hubs.download(model, "main", tmp_path / "m")
    assert inspect_model(tmp_path / "m").model_type == "gpt2"
    assert not (tmp_path / "m" / "LICENSE").exists()


def test_it_goes_on_within_one_download_after_a_cut(hub, model, tmp_path):
    hub.cut_after = 100_000
    hubs.download(model, None, tmp_path / "m")
    assert hub.gets("model.safetensors") == ["", "bytes=65536-"]
    assert inspect_model(tmp_path / "m").model_type == "llama"


def test_it_resumes_what_a_killed_process_left(hub, model, tmp_path):
    target = tmp_path / "m"
    hubs.download(model, None, target)
    whole = (target / "model.safetensors").read_bytes()
    (target / hubs.MARKER).unlink()
    (target / "model.safetensors").unlink()
    import hashlib

    part = target / f".model.safetensors.{hashlib.sha256(whole).hexdigest()[:16]}.part"
    part.write_bytes(whole[:5000])
    hub.asked.clear()
    hubs.download(model, None, target)
    assert hub.gets("model.safetensors") == ["bytes=5000-"]
    assert hub.gets("config.json") == []  # was there, hash right
    assert (target / "model.safetensors").read_bytes() == whole
    assert not part.exists()


def test_it_uses_a_complete_copy_without_the_network(hub, model, tmp_path, monkeypatch):
    commit = hubs.download(model, None, tmp_path / "m").revision
    hub.asked.clear()
    assert hubs.download(model, commit, tmp_path / "m").revision == commit
    assert hub.asked == []
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert hubs.download(model, None, tmp_path / "m").revision == commit


def test_it_says_what_to_do_offline(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    error = refused("alice/tiny", None, tmp_path / "m")
    assert error.code == "HUB_OFFLINE" and error.retry and "127.0.0.1:9" in error.message
    assert "add it as a folder" in error.hint


def test_it_tells_gated_from_missing(hub, model, tmp_path):
    hub.gated[model] = "secret"
    none = refused(model, None, tmp_path / "m")
    assert none.code == "HUB_GATED" and "no token is set" in none.message
    wrong = refused(model, None, tmp_path / "m", token="wrong")
    assert wrong.code == "HUB_GATED" and "accept the terms" in wrong.hint
    assert hubs.download(model, None, tmp_path / "m", token="secret").key == model
    missing = refused("alice/other", None, tmp_path / "x")
    assert missing.code == "HUB_NOT_FOUND" and "alice/other" in missing.message


def test_it_names_a_revision_that_does_not_exist(hub, model, tmp_path):
    error = refused(model, "v9", tmp_path / "m")
    assert error.code == "HUB_REVISION" and "'v9'" in error.message and error.field == "revision"


@pytest.mark.parametrize("key", ["../etc", "a/b/c", "", "a b", "https://x/y", "a/..", "-x/y"])
def test_it_refuses_what_is_not_an_id_before_asking(hub, tmp_path, key):
    assert refused(key, None, tmp_path / "m").code == "HUB_ID"
    assert hub.asked == []


def test_it_refuses_pickles_only_and_unsupported_models_before_their_weights(hub, family, tmp_path, tiny):
    (tiny / "model.safetensors").unlink()
    hub.add("bob/pickle", tiny, extra={"pytorch_model.bin": b"x" * 100})
    assert "pickle files can run code" in refused("bob/pickle", None, tmp_path / "a", error=ModelRejected).message
    hub.add("bob/whisper", family("llama"), extra={"config.json": json.dumps({"model_type": "whisper"}).encode()})
    assert refused("bob/whisper", None, tmp_path / "b", error=ModelRejected).code == "MODEL_UNSUPPORTED"
    assert hub.gets("model.safetensors") == []


def test_it_notices_damaged_bytes(hub, model, tmp_path):
    hub.damage = True
    assert refused(model, None, tmp_path / "m").code == "HUB_DAMAGED"
    hub.damage = False
    assert hubs.download(model, None, tmp_path / "m").revision


def test_it_reports_bytes_rate_and_time_left(hub, model, tmp_path):
    events = Events(tmp_path)
    hubs.download(model, None, tmp_path / "m", events=events)
    last = [e for e in read(tmp_path / "events.jsonl") if e["type"] == "progress"][-1]
    assert (
        last["done"]
        == last["total"]
        == sum(p.stat().st_size for p in (tmp_path / "m").iterdir() if p.name != hubs.MARKER)
    )
    assert last["unit"] == "bytes" and last["rate"] > 0 and last["eta"] == 0


def test_it_never_sends_the_token_into_the_files(hub, model, tmp_path):
    hub.gated[model] = "secret-token"
    hubs.download(model, None, tmp_path / "m", token="secret-token")
    assert not any(b"secret-token" in p.read_bytes() for p in Path(tmp_path / "m").rglob("*") if p.is_file())
