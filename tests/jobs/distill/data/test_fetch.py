"""The verb that fetches, in its folder, from a web server and a hub on this machine."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.distill.data.fetch import fetch_dataset
from jobs.distill.errors import DataRefused, DistillError, HubUnavailable
from jobs.distill.events import Events, read
from tests.jobs.distill import hub_server
from tests.jobs.distill.net.server import Server, serving

CSV = b"text,label\nI lost my card,lost card\nWhen does my card arrive?,card arrival\nCan I pay abroad?,\n"


@pytest.fixture
def web() -> Iterator[Server]:
    with serving() as server:
        server.files["/data/cards.csv"] = CSV
        yield server


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[hub_server.Hub]:
    for name in ("WB_HUB_TOKEN", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with hub_server.serving() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server


def fetch(folder: Path, **params: Any) -> dict[str, Any]:
    folder.mkdir(exist_ok=True)
    (folder / "params.json").write_text(json.dumps({"place": str(folder.parent / "place"), **params}))
    events = Events(folder)
    try:
        return fetch_dataset(folder, events)
    finally:
        events.close()


def refused(folder: Path, **params: Any) -> DistillError:
    with pytest.raises(DistillError) as e:
        fetch(folder, **params)
    return e.value


def test_it_fetches_an_address_and_looks_at_it(web: Server, tmp_path: Path) -> None:
    report = fetch(
        tmp_path / "run", source="url", url=web.url + "/data/cards.csv?key=secret", private_hosts=web.allowed
    )
    assert (tmp_path / "run" / "fetched" / "file").read_bytes() == CSV
    assert report["findings"]["roles"] == {"user": "text", "assistant": "label"} and report["filename"] == "cards.csv"
    origin = report["origin"]
    assert (origin["kind"], origin["sha256"], origin["bytes"]) == ("address", hashlib.sha256(CSV).hexdigest(), len(CSV))
    assert "secret" not in json.dumps(origin) and origin["url"].endswith("/data/cards.csv?…")
    last = [e for e in read(tmp_path / "run" / "events.jsonl") if e["type"] == "progress"][-1]
    assert last["unit"] == "bytes" and last["done"] == last["total"] == len(CSV)


def test_it_asks_nothing_private_unless_listed(web: Server, tmp_path: Path) -> None:
    assert refused(tmp_path / "run", source="url", url=web.url + "/data/cards.csv").code == "ADDRESS_NOT_ALLOWED"
    assert web.asked == []


def test_it_keeps_nothing_of_what_is_no_data(web: Server, tmp_path: Path) -> None:
    web.ways["/page"] = lambda h: h.say(
        200, b"<!doctype html><html><body>Sign in</body></html>", Content_Type="text/html"
    )
    error = refused(tmp_path / "run", source="url", url=web.url + "/page", private_hosts=web.allowed)
    assert (
        isinstance(error, DataRefused) and "HTML page" in error.message and not (tmp_path / "run" / "fetched").exists()
    )


def test_it_stops_at_the_limit_of_the_administrator(web: Server, tmp_path: Path) -> None:
    error = refused(
        tmp_path / "run",
        source="url",
        url=web.url + "/data/cards.csv",
        private_hosts=web.allowed,
        caps={"bytes": 50, "seconds": 5},
    )
    assert error.code == "TOO_LARGE" and error.limit == 50


def parquet(**columns: list[str]) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out)
    return out.getvalue()


def shards(hub: hub_server.Hub) -> dict[str, bytes]:
    files = {
        f"data/train-0000{i}-of-00002.parquet": parquet(text=[f"q{i}a", f"q{i}b"], label=["x", "y"]) for i in range(2)
    }
    files |= {
        "data/test-00000-of-00001.parquet": parquet(text=["t"], label=["x"]),
        "README.md": b"---\nlicense: mit\n---\n",
    }
    files["old.py"] = b"import os"
    hub.add_dataset("alice/cards", files)
    return files


def test_it_fetches_a_dataset_of_the_hub_pinned_and_with_every_hash(hub: hub_server.Hub, tmp_path: Path) -> None:
    files = shards(hub)
    report = fetch(tmp_path / "run", source="hub", dataset="alice/cards")
    table = pq.read_table(tmp_path / "run" / "fetched" / "file")
    assert (
        table["text"].to_pylist() == ["t", "q0a", "q0b", "q1a", "q1b"]
        and table["split"].to_pylist() == ["test"] + ["train"] * 4
    )
    origin = report["origin"]
    assert origin["revision"] == hub.branches["datasets/alice/cards", "main"] and origin["licence"] == "mit"
    assert {f["name"]: f["sha256"] for f in origin["files"]} == {
        n: hashlib.sha256(b).hexdigest() for n, b in files.items() if n.endswith("parquet")
    }
    assert report["findings"]["roles"] | {"split": "split"} == report["findings"]["roles"]
    assert not any(path.endswith(".py") for _, path, _ in hub.asked)
    assert all(origin["revision"] in path for _, path, _ in hub.asked if "/resolve/" in path)


def test_it_takes_one_file_as_it_is(hub: hub_server.Hub, tmp_path: Path) -> None:
    files = shards(hub)
    report = fetch(tmp_path / "run", source="hub", dataset="alice/cards", split="test")
    assert (tmp_path / "run" / "fetched" / "file").read_bytes() == files["data/test-00000-of-00001.parquet"]
    assert report["filename"] == "alice-cards-test.parquet" and report["origin"]["splits"] == ["test"]


def test_it_takes_the_revision_and_configuration_asked_for(hub: hub_server.Hub, tmp_path: Path) -> None:
    old = hub.add_dataset("alice/rows", {"en/train.csv": CSV, "fr/train.csv": CSV})
    hub.add_dataset("alice/rows", {"de/train.csv": CSV})
    hub.add_dataset(
        "alice/rows", {"plain/train/0000.parquet": parquet(text=["a"], label=["b"])}, "refs/convert/parquet"
    )
    assert (
        fetch(tmp_path / "a", source="hub", dataset="alice/rows", revision=old, config="fr")["origin"]["config"] == "fr"
    )
    assert (
        fetch(tmp_path / "b", source="hub", dataset="alice/rows", revision="refs/convert/parquet")["origin"]["config"]
        == "plain"
    )
    assert "It has: de" in refused(tmp_path / "c", source="hub", dataset="alice/rows", config="fr").message


def test_a_card_cannot_name_a_place_outside(hub: hub_server.Hub, tmp_path: Path) -> None:
    card = (
        b"---\nconfigs:\n- config_name: ../../../evil\n  data_files:\n  - {split: ../../x, path: [a.csv, b.csv]}\n---\n"
    )
    hub.add_dataset("alice/rows", {"a.csv": CSV, "b.csv": CSV, "README.md": card})
    report = fetch(tmp_path / "run", source="hub", dataset="alice/rows")
    assert report["filename"] == "alice-rows-_evil-_x.csv" and report["findings"]["counts"]["rows"] == 6
    assert {p.name for p in tmp_path.iterdir()} == {"run", "place"} and not list(tmp_path.parent.glob("*evil*"))


def test_it_goes_on_where_the_line_to_the_hub_broke(hub: hub_server.Hub, tmp_path: Path) -> None:
    rows = b"text,label\n" + b"".join(b"question %d,label %d\n" % (i, i % 3) for i in range(20_000))
    hub.add_dataset("alice/rows", {"train.csv": rows})
    hub.cut_after = 200_000
    fetch(tmp_path / "run", source="hub", dataset="alice/rows")
    assert len(hub.gets("train.csv")) == 2 and hub.gets("train.csv")[1].startswith("bytes=")
    assert (tmp_path / "run" / "fetched" / "file").read_bytes() == rows


def test_it_uses_the_teams_token_and_keeps_it_out_of_files(
    hub: hub_server.Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shards(hub)
    hub.gated["datasets/alice/cards"] = "hf_secret"
    closed = refused(tmp_path / "run", source="hub", dataset="alice/cards")
    assert closed.code == "HUB_GATED" and "/datasets/alice/cards" in str(closed.hint)
    monkeypatch.setenv("WB_HUB_TOKEN", "hf_secret")
    fetch(tmp_path / "run", source="hub", dataset="alice/cards")
    assert not any(b"hf_secret" in p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())


def test_it_says_what_is_missing(hub: hub_server.Hub, tmp_path: Path) -> None:
    missing = refused(tmp_path / "run", source="hub", dataset="alice/none")
    assert (
        isinstance(missing, HubUnavailable)
        and "no dataset alice/none" in missing.message
        and missing.field == "dataset"
    )
    shards(hub)
    assert refused(tmp_path / "run", source="hub", dataset="alice/cards", revision="v9").code == "HUB_REVISION"
    assert refused(tmp_path / "run", source="hub", dataset="../etc").code == "HUB_ID"
    hub.add_dataset("alice/script", {"script.py": b"import os"})
    assert "Python files are not data" in refused(tmp_path / "run", source="hub", dataset="alice/script").message


def test_it_refuses_more_bytes_than_the_limit_before_fetching(hub: hub_server.Hub, tmp_path: Path) -> None:
    shards(hub)
    error = refused(tmp_path / "run", source="hub", dataset="alice/cards", caps={"bytes": 100})
    assert error.code == "TOO_LARGE" and "limit is 100 bytes" in error.message
    assert not any(method == "GET" and path.endswith(".parquet") for method, path, _ in hub.asked)


def test_it_says_what_to_do_without_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    error = refused(tmp_path / "run", source="hub", dataset="alice/cards")
    assert error.code == "HUB_OFFLINE" and error.retry and "upload them" in str(error.hint)
