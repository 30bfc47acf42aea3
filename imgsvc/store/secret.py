"""The server's own secret, which keys are derived from: as set, or made once and kept in the instance folder."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress

from imgsvc.settings import Settings, SettingsError

FILE = "secret"
SHORTEST = 32
"""Characters; 32 hexadecimal digits are 128 bits."""


def load(settings: Settings) -> bytes:
    """IMGSVC_SECRET, else what the file holds, which is made where it is missing and is its owner's alone to read.

    SettingsError for a secret that could be guessed.
    """
    return check(settings) or _kept(settings)


def check(settings: Settings) -> bytes:
    """IMGSVC_SECRET, empty where it is not set; SettingsError where it is too short."""
    # The value is never repeated.
    if settings.secret and len(settings.secret) < SHORTEST:
        raise SettingsError(f"IMGSVC_SECRET: got {len(settings.secret)} characters, expected at least {SHORTEST}")
    return settings.secret.encode()


def _kept(settings: Settings) -> bytes:
    place = settings.instance / FILE
    with suppress(FileNotFoundError):
        return place.read_bytes()
    settings.instance.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = place.with_name(f"{FILE}-{secrets.token_hex(8)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(secrets.token_hex(32).encode())
        file.flush()
        os.fsync(handle)
    try:
        # Unlike a rename it fails where another process was first, whose secret is already in use.
        with suppress(FileExistsError):
            os.link(draft, place)
    finally:
        draft.unlink()
    return place.read_bytes()
