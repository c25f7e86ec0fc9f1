"""Files that come in parts, so that a lost connection, a closed tab or a restarted server costs one part and not the file.

`received` is moved by one conditional UPDATE together with the part's bytes: two tabs that send the same file never
write over each other, the slower one is told where to go on.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import OperationalError, transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from jobs.distill.errors import DataRefused, DistillError, Transient
from workbench.team.models import Team, User

from . import actions
from .models import Dataset, PartialUpload, Upload, UploadPart

PART_BYTES = 4 * 1024**2  # what a sender is asked to send at once
LARGEST_PART = 8 * 1024**2
HEAD_BYTES = 1024**2  # the first bytes, whose hash recognises a file
EXPIRES = timedelta(days=2)
MOST_OPEN = 20  # per person
SHA256 = re.compile(r"[0-9a-f]{64}")


class TooLarge(DistillError):
    code = "TOO_LARGE"


class TooMany(DistillError):
    code = "TOO_MANY_UPLOADS"


class PartDamaged(DistillError):
    code = "PART_DAMAGED"
    retry = True


class WrongOffset(DistillError):
    """`wanted` is the byte the next part begins with."""

    code = "UPLOAD_OFFSET"
    retry = True

    def __init__(self, wanted: int, message: str) -> None:
        super().__init__(message, field="offset", hint=f"Go on at byte {wanted:,}.")
        self.wanted = wanted

    def as_dict(self) -> dict[str, Any]:
        return super().as_dict() | {"wanted": self.wanted}


def start(
    team: Team, user: User, filename: str, size: int, head_sha256: str, dataset: Dataset | None = None
) -> PartialUpload:
    """The upload of a file in parts: a new one, or the one this person began with the same file and did not finish.

    `head_sha256` is of the first HEAD_BYTES (or of all, if there are fewer). Raises TooLarge, TooMany, DataRefused.
    """
    sweep()
    name = actions.shown_name(filename)
    if size == 0:
        raise DataRefused("The file is empty (0 bytes).", hint="Upload the file again; the copy may have failed.")
    if size > settings.MAX_UPLOAD_BYTES:
        raise too_large(size)
    if not SHA256.fullmatch(head_sha256):
        raise DataRefused("head_sha256 is no SHA-256: 64 digits and small letters a to f.", field="head_sha256")
    key: dict[str, Any] = {"team": team, "created_by": user, "dataset": dataset, "filename": name}
    key |= {"size": size, "head_sha256": head_sha256, "upload": None}
    if found := PartialUpload.objects.filter(**key).first():
        return found
    if PartialUpload.objects.filter(team=team, created_by=user, upload=None).count() >= MOST_OPEN:
        raise TooMany(
            f"{MOST_OPEN} uploads of yours are unfinished, the most that are kept.",
            hint="Finish or discard one of them first.",
        )
    return PartialUpload.objects.get_or_create(**key)[0]


def take(whole: PartialUpload, offset: int, data: bytes, sha256: str) -> int:
    """Keeps one part; returns how many bytes are here now. Raises WrongOffset, PartDamaged, TooLarge, Transient (disk full)."""
    if len(data) > LARGEST_PART:
        raise TooLarge(f"A part may have {LARGEST_PART:,} bytes; more came.", limit=LARGEST_PART)
    if not data:
        raise DataRefused("The part is empty (0 bytes).", hint="Send the bytes from the offset on.")
    if hashlib.sha256(data).hexdigest() != sha256:
        raise PartDamaged(
            f"The part at byte {offset:,} is not what was sent: its hash differs.",
            field="sha256",
            hint="Send it again.",
        )
    if offset + len(data) > whole.size:
        raise TooLarge(
            f"The part ends at byte {offset + len(data):,}; the file was announced with {whole.size:,}.",
            limit=whole.size,
        )
    with _room_in_words(), transaction.atomic():
        waiting = PartialUpload.objects.filter(pk=whole.pk, received=offset, upload=None)
        if waiting.update(received=F("received") + len(data), touched_at=Now()):
            UploadPart.objects.create(whole=whole, offset=offset, data=data)
            return offset + len(data)
    whole.refresh_from_db()
    raise WrongOffset(whole.received, f"A part at byte {offset:,} came; byte {whole.received:,} is the next.")


def finish(whole: PartialUpload, sha256: str, origin: dict[str, Any] | None = None) -> Upload:
    """The file put together, verified and looked at; a second call gives the same upload.

    Raises WrongOffset while parts are missing, DataRefused when the bytes are not those of `sha256` (they are forgotten
    then), FileNotUsable for a file that is no data (nothing is kept).
    """
    with _room_in_words(), transaction.atomic():
        locked = PartialUpload.objects.select_for_update(of=("self",)).get(pk=whole.pk)
        if locked.upload_id:
            return Upload.objects.get(pk=locked.upload_id)
        if locked.received < locked.size:
            raise WrongOffset(
                locked.received, f"{locked.received:,} of {locked.size:,} bytes are here; the file is not whole yet."
            )
        made = _become(locked, sha256, origin)
    if isinstance(made, DistillError):
        raise made
    return made


def _become(whole: PartialUpload, sha256: str, origin: dict[str, Any] | None) -> Upload | DistillError:
    """The upload, or the refusal after which what is to be forgotten has been: raising would bring it back."""
    with tempfile.NamedTemporaryFile(prefix="upload-") as place:
        found = _write(whole, place)
        if found != sha256:
            whole.parts.all().delete()
            PartialUpload.objects.filter(pk=whole.pk).update(received=0, touched_at=Now())
            return DataRefused(
                f"The bytes that came hash to {found[:12]}…, the file to {sha256[:12]}…: it changed while it was sent.",
                field="sha256",
                hint="Send the file again from the start.",
            )
        try:
            upload = actions.take_upload(
                whole.team, whole.created_by, Path(place.name), whole.filename, whole.dataset, origin=origin
            )
        except DistillError as e:
            whole.delete()
            return e
    whole.parts.all().delete()
    PartialUpload.objects.filter(pk=whole.pk).update(upload=upload)
    return upload


def _write(whole: PartialUpload, place: Any) -> str:
    """All parts in order; one at a time in memory. Returns their hash."""
    digest = hashlib.sha256()
    for offset in whole.parts.order_by("offset").values_list("offset", flat=True):
        data = bytes(UploadPart.objects.values_list("data", flat=True).get(whole=whole, offset=offset))
        digest.update(data)
        place.write(data)
    place.flush()
    return digest.hexdigest()


def of(team: Team, user: User, upload_id: Any) -> PartialUpload:
    """Raises PartialUpload.DoesNotExist for another person's."""
    return PartialUpload.objects.select_related("team", "created_by", "dataset").get(
        team=team, created_by=user, pk=upload_id
    )


def unfinished(team: Team, user: User) -> list[PartialUpload]:
    return list(PartialUpload.objects.filter(team=team, created_by=user, upload=None).order_by("-touched_at"))


def discard(whole: PartialUpload) -> None:
    whole.delete()


def sweep() -> int:
    """Forgets unfinished files that nobody went on with; returns how many."""
    old = PartialUpload.objects.filter(upload=None, touched_at__lt=timezone.now() - EXPIRES)
    return sum(count for name, count in old.delete()[1].items() if name.endswith("PartialUpload"))


def too_large(size: int | None = None) -> TooLarge:
    limit = settings.MAX_UPLOAD_BYTES
    has = f"The file has {size / 1024**2:,.0f} MiB; the limit is" if size else "The file is larger than"
    return TooLarge(
        f"{has} {limit / 1024**2:,.0f} MiB{'' if size else ', the most that is taken at once'}.",
        field="size",
        hint="Upload it in parts, or compress it with gzip.",
        limit=limit,
    )


@contextmanager
def _room_in_words() -> Iterator[None]:
    """A full disk as a sentence: the database's, or this machine's."""
    try:
        yield
    except OperationalError as e:
        if getattr(e.__cause__, "sqlstate", "") != "53100":
            raise
        raise _disk_full() from None
    except OSError as e:
        if e.errno not in (28, 122):
            raise
        raise _disk_full() from None


def _disk_full() -> Transient:
    return Transient(
        "The server's disk is full; what had come before is kept.",
        code="DISK_FULL",
        hint="Tell whoever runs the workbench, and go on later: the upload continues where it stopped.",
    )
