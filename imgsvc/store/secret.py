"""The server's own secret, which keys are derived from: as set, or made once and kept in the instance folder."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from imgsvc.settings import Settings, SettingsError
from imgsvc.store.locks import waited

FILE = "secret"
SHORTEST = 32
"""Characters; 32 hexadecimal digits are 128 bits."""


def load(settings: Settings) -> bytes:
    """IMGSVC_SECRET, else what the file holds, which is made where it is missing and is its owner's alone to read.

    SettingsError for a secret that could be guessed.
    """
    return check(settings) or _long("the file secret in IMGSVC_INSTANCE", _kept(settings))


def check(settings: Settings) -> bytes:
    """IMGSVC_SECRET, empty where it is not set; SettingsError where it is too short."""
    return _long("IMGSVC_SECRET", settings.secret.encode()) if settings.secret else b""


def _long(name: str, secret: bytes) -> bytes:
    # The value is never repeated.
    if len(secret.strip()) < SHORTEST:
        raise SettingsError(f"{name}: got {len(secret.strip())} characters, expected at least {SHORTEST}")
    return secret


def _kept(settings: Settings) -> bytes:
    place = settings.instance / FILE
    with suppress(FileNotFoundError):
        return place.read_bytes()
    settings.instance.mkdir(mode=0o700, parents=True, exist_ok=True)
    with waited(place.with_name(f"{FILE}.lock")):
        if not place.exists():
            _make(place)
    return place.read_bytes()


def _make(place: Path) -> None:
    draft = place.with_name(f"{FILE}.new")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(secrets.token_hex(32).encode())
        file.flush()
        os.fsync(handle)
    draft.replace(place)
