from __future__ import annotations

import hashlib
import io
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection

from jobs.distill.errors import ArtifactDamaged
from workbench.runs import blobs
from workbench.runs.models import Blob, BlobChunk

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("size", [0, 1, blobs.CHUNK, blobs.CHUNK + 1])
def test_it_gives_back_what_it_was_given(size: int) -> None:
    data = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    blob = blobs.put(data)
    assert (blob.sha256, blob.size) == (hashlib.sha256(data).hexdigest(), size)
    assert blobs.read(blob.sha256) == data
    assert blob.chunks.count() == -(-size // blobs.CHUNK)


def test_it_stores_the_same_bytes_once(tmp_path) -> None:
    (tmp_path / "a").write_bytes(b"same")
    assert {blobs.put(b"same"), blobs.put(tmp_path / "a"), blobs.put(io.BytesIO(b"same"))} == {Blob.objects.get()}


def test_it_opens_a_seekable_copy_and_writes_files(tmp_path) -> None:
    blob = blobs.put(b"hello world")
    with blobs.open(blob.sha256) as file:
        file.seek(6)
        assert file.read() == b"world"
    blobs.write_to(blob.sha256, tmp_path / "deep" / "file")
    assert (tmp_path / "deep" / "file").read_bytes() == b"hello world"


def test_it_refuses_damaged_bytes(tmp_path) -> None:
    blob = blobs.put(b"precious" * 100)
    BlobChunk.objects.filter(blob=blob).update(data=b"preciouX" * 100)
    with pytest.raises(ArtifactDamaged):
        blobs.verify(blob.sha256)
    with pytest.raises(ArtifactDamaged):
        blobs.write_to(blob.sha256, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_it_notices_a_missing_chunk() -> None:
    blob = blobs.put(b"y" * (blobs.CHUNK + 5))
    BlobChunk.objects.filter(blob=blob, index=1).delete()
    with pytest.raises(ArtifactDamaged):
        blobs.read(blob.sha256)


def test_it_is_djangos_default_storage() -> None:
    name = default_storage.save("any name.txt", ContentFile(b"text"))
    assert (
        name == hashlib.sha256(b"text").hexdigest() and default_storage.exists(name) and default_storage.size(name) == 4
    )
    with default_storage.open(name) as file:
        assert file.read() == b"text"
    default_storage.delete(name)
    assert not default_storage.exists(name)


@pytest.mark.django_db(transaction=True)
def test_it_survives_two_writers_of_the_same_bytes() -> None:
    def write(_: int) -> str:
        try:
            return blobs.put(b"z" * 3_000_000).sha256
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        (sha256,) = set(pool.map(write, range(4)))
    blobs.verify(sha256)
