"""Remembers what was measured, by the content it was measured on, so that a second run is quick."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from imgsvc.engine import pipeline

HERE = Path(__file__).resolve().parent
FOLDER = HERE / ".cache"
ENGINE = Path(pipeline.__file__).parent


def digest(*parts: bytes | str) -> str:
    """A name for content: 32 hexadecimal digits."""
    total = hashlib.blake2b(digest_size=16)
    for part in parts:
        whole = part.encode() if isinstance(part, str) else part
        total.update(len(whole).to_bytes(8, "little") + whole)
    return total.hexdigest()


@cache
def engine() -> str:
    """The digest of the engine's source: what it made is only remembered while it stays the same."""
    return digest(*(path.read_bytes() for path in sorted(ENGINE.rglob("*.py"))))


@dataclass(frozen=True, slots=True)
class Cache:
    """JSON values by digest, a file each; safe to share between processes."""

    folder: Path = FOLDER

    def get(self, key: str, make: Callable[[], Any]) -> Any:
        """The remembered value, or what `make` gives, which is then remembered."""
        path = self.folder / key[:2] / f"{key}.json"
        if path.exists():
            return json.loads(path.read_text())
        value = make()
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(f".{os.getpid()}")
        fresh.write_text(json.dumps(value))
        fresh.replace(path)
        return value
