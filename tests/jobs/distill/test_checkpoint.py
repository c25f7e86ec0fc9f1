from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from jobs.distill import checkpoint
from jobs.distill.checkpoint import MANIFEST, Checkpoints, Results, read_manifest, write_folder
from jobs.distill.errors import Transient
from jobs.distill.events import Events, read


def save(store: Checkpoints, step: int) -> None:
    store.save(step, {"a": torch.full((2,), float(step))}, {"m": torch.zeros(1)}, {"progress": {"step": step}})


@pytest.fixture
def store(tmp_path: Path) -> Checkpoints:
    return Checkpoints(tmp_path, "student", "one recipe", [], Events(tmp_path))


def test_it_gives_back_what_was_saved(store: Checkpoints) -> None:
    save(store, 5)
    found = store.newest()
    assert found is not None
    assert found[0]["a"].tolist() == [5.0, 5.0] and found[2]["step"] == 5


def test_it_keeps_two(store: Checkpoints) -> None:
    for step in (1, 2, 3):
        save(store, step)
    assert [p.name for p in sorted(store.folder.iterdir())] == ["student-step-00000002", "student-step-00000003"]


@pytest.mark.parametrize("name", ["adapter.safetensors", "state.safetensors", MANIFEST])
@pytest.mark.parametrize("damage", ["truncate", "flip", "delete"])
def test_it_falls_back_to_the_one_before_a_torn_one(store: Checkpoints, name: str, damage: str) -> None:
    save(store, 1)
    save(store, 2)
    path = store.folder / "student-step-00000002" / name
    data = path.read_bytes()
    if damage == "truncate":
        path.write_bytes(data[: len(data) // 2])
    elif damage == "flip":
        path.write_bytes(data[:-3] + bytes([data[-3] ^ 1]) + data[-2:])
    else:
        path.unlink()
    found = store.newest()
    assert found is not None and found[2]["step"] == 1
    assert any(
        "student-step-00000002 is damaged" in e["message"] for e in read(store.events.path) if e["type"] == "log"
    )


def test_it_starts_over_loudly_when_all_are_torn(store: Checkpoints) -> None:
    save(store, 1)
    (store.folder / "student-step-00000001" / MANIFEST).unlink()
    assert store.newest() is None
    assert any("starts at step 0" in e.get("message", "") for e in read(store.events.path))


def test_it_never_takes_a_checkpoint_of_another_recipe(tmp_path: Path) -> None:
    save(Checkpoints(tmp_path, "student", "one recipe", [], Events(tmp_path)), 1)
    assert Checkpoints(tmp_path, "student", "another", [], Events(tmp_path)).newest() is None


def test_it_finds_the_newest_in_an_earlier_attempt(tmp_path: Path) -> None:
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
    save(Checkpoints(tmp_path / "old", "student", "r", [], Events(tmp_path / "old")), 7)
    store = Checkpoints(tmp_path / "new", "student", "r", [tmp_path / "old"], Events(tmp_path / "new"))
    save(store, 3)
    found = store.newest()
    assert found is not None and found[2]["step"] == 7


def test_it_says_when_the_disk_is_full_and_keeps_what_was_there(
    store: Checkpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(store, 1)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Transient) as e:
        save(store, 2)
    assert e.value.code == "DISK_FULL" and e.value.retry
    monkeypatch.undo()
    found = store.newest()
    assert found is not None and found[2]["step"] == 1
    assert not list(store.folder.glob(".*tmp"))


def test_a_result_is_adopted_from_an_earlier_attempt(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    for p in (old, new):
        p.mkdir()
    Results(old, "r", [], Events(old)).put("00-student", {"adapter.safetensors": b"x"})
    found = Results(new, "r", [old], Events(new)).get("00-student")
    assert found == new / "stages" / "00-student" and read_manifest(found) is not None
    assert Results(new, "other", [old], Events(new)).get("00-student") is None


POINTS = [
    "before_write",
    "after_write:adapter",
    "after_write:state",
    "after_manifest",
    "before_rename",
    "after_rename",
    "after_sync",
]


def test_a_kill_at_any_point_of_a_save_leaves_something_whole(tmp_path: Path) -> None:
    """One child a point, each killed in its second save; forked from one warm process to stay quick."""
    script = (
        "import os, sys; from pathlib import Path; import torch\n"
        "from jobs.distill.checkpoint import Checkpoints; from jobs.distill.events import Events\n"
        "torch.set_num_threads(1)\n"
        "for point in sys.argv[2:]:\n"
        "    if (pid := os.fork()) == 0:\n"
        "        folder = Path(sys.argv[1]) / point.replace(':', '-'); folder.mkdir()\n"
        "        os.environ['WB_FAILPOINT'] = point + '@2'\n"
        "        store = Checkpoints(folder, 'student', 'r', [], Events(folder))\n"
        "        for step in (1, 2):\n"
        "            store.save(step, {'a': torch.ones(1) * step}, {'m': torch.zeros(1)}, {})\n"
        "        os._exit(0)\n"
        "    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 9, point\n"
    )
    subprocess.run(
        [sys.executable, "-c", script, str(tmp_path), *POINTS],
        check=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    )
    for point in POINTS:
        folder = tmp_path / point.replace(":", "-")
        found = Checkpoints(folder, "student", "r", [], Events(folder)).newest()
        assert found is not None
        assert found[2]["step"] == (2 if point in ("after_rename", "after_sync") else 1)


def test_it_writes_a_folder_whole_or_not_at_all(tmp_path: Path) -> None:
    manifest = write_folder(tmp_path / "x", {"a.json": b"{}"}, {"note": 1})
    assert read_manifest(tmp_path / "x") == manifest
    assert checkpoint.read_manifest(tmp_path / "absent") is None
