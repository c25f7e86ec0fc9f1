"""Secrets at rest: AES-GCM with a key made from SECRET_KEY, which is not in the database. Written by people, read only by workers."""

from __future__ import annotations

import base64
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


def _cipher(purpose: str) -> AESGCM:
    return AESGCM(
        HKDF(SHA256(), 32, salt=None, info=f"workbench:{purpose}".encode()).derive(settings.SECRET_KEY.encode())
    )


def seal(text: str, purpose: str) -> str:
    """Encrypts text for one purpose; the same text never looks the same twice."""
    nonce = os.urandom(12)
    return base64.b64encode(nonce + _cipher(purpose).encrypt(nonce, text.encode(), purpose.encode())).decode()


def unseal(sealed: str, purpose: str) -> str:
    """The text again; raises ValueError when it was sealed with another key or for another purpose."""
    raw = base64.b64decode(sealed)
    try:
        return _cipher(purpose).decrypt(raw[:12], raw[12:], purpose.encode()).decode()
    except InvalidTag:
        raise ValueError("This secret was stored with another SECRET_KEY; please enter it again.") from None
