"""Content-addressed bytes in PostgreSQL (placeholder until the storage engine lands in the same change set)."""

from django.core.files.storage import Storage


class DatabaseBlobs(Storage):
    pass
