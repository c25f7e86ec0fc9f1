"""Streams uploads to disk and stops at the limit, whatever the sender promised."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.files.uploadhandler import FileUploadHandler, StopUpload
from django.http import HttpRequest


class Quota(FileUploadHandler):
    """First in line: counts bytes and ends the upload one chunk after the limit. `exceeded` says so to the view."""

    def __init__(self, request: HttpRequest | None = None) -> None:
        super().__init__(request)
        self.total, self.exceeded = 0, False

    def handle_raw_input(
        self, input_data: Any, META: dict[str, Any], content_length: int, boundary: str, encoding: str | None = None
    ) -> None:
        """The announced length is enough to refuse early; a wrong one is met by counting."""
        if content_length > settings.MAX_UPLOAD_BYTES + 1024 * 1024:
            self.exceeded = True

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        if self.exceeded:
            raise StopUpload(connection_reset=True)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        self.total += len(raw_data)
        if self.total > settings.MAX_UPLOAD_BYTES:
            self.exceeded = True
            raise StopUpload(connection_reset=True)
        return raw_data

    def file_complete(self, file_size: int) -> None:
        return None


def install(request: HttpRequest) -> Quota:
    """Puts the quota before Django's own handlers; must run before anything reads request.POST."""
    quota = Quota(request)
    request.upload_handlers.insert(0, quota)
    return quota
