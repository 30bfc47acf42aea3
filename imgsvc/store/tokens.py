"""Secrets that are handed out: how they are made, and the digest under which they are kept."""

from __future__ import annotations

import hashlib
import secrets

BYTES = 32


def fresh() -> str:
    """A new secret of 256 random bits: 43 characters of A-Z a-z 0-9 - _."""
    return secrets.token_urlsafe(BYTES)


def digest(token: str) -> str:
    """The SHA-256 of a secret as 64 hexadecimal digits; any text has one, so that a malformed secret is just unknown.

    A fast hash is enough: nobody can guess 256 bits, and a slow one would let strangers keep the processor busy.
    """
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
