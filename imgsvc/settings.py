"""Every setting once: its name, type, default and help; read from IMGSVC_* and frozen.

The README's table and the start-up check of names both come from the fields below.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from math import isfinite
from pathlib import Path
from typing import Any

from imgsvc.errors import echo

PREFIX = "IMGSVC_"
MIB = 1024 * 1024
_WORDS = {
    "1": True,
    "true": True,
    "yes": True,
    "on": True,
    "0": False,
    "false": False,
    "no": False,
    "off": False,
}


class SettingsError(Exception):
    """The environment holds a setting that is unknown or cannot be read; the text names it."""


def _setting(default: Any, text: str, *, least: float | None = None) -> Any:
    return field(default=default, metadata={"help": text, "least": least})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the operator decides. Sizes are bytes, times seconds, sides pixels."""

    instance: Path = _setting(Path("instance"), "folder of the database and the files kept for download")
    database_url: str = _setting("", "SQLAlchemy URL of the database; empty: SQLite in the instance folder")
    host: str = _setting("127.0.0.1", "address `imgsvc serve` listens on")
    port: int = _setting(8000, "port `imgsvc serve` listens on", least=0)
    api_enabled: bool = _setting(True, "off: every API call is answered 403")
    public: bool = _setting(False, "on: the page and the main API work without a key, limited per address")
    public_per_minute: int = _setting(20, "pictures a minute for one address without a key", least=1)
    max_bytes: int = _setting(2 * MIB, "largest upload, unless the key says otherwise", least=1)
    max_width: int = _setting(2000, "widest picture, unless the key says otherwise (not SVG)", least=1)
    max_height: int = _setting(2000, "highest picture, unless the key says otherwise (not SVG)", least=1)
    max_body: int = _setting(64 * MIB, "largest request body read for anyone; no key's limit goes beyond", least=1)
    max_frame_pixels: int = _setting(40_000_000, "most pixels of one frame, for any key and kind", least=1)
    max_total_pixels: int = _setting(160_000_000, "most pixels of all frames together", least=1)
    max_frames: int = _setting(500, "most frames of an animation", least=1)
    convert_inputs: bool = _setting(
        True, "BMP and TIFF without output_format become PNG; off: 400 asks for output_format"
    )
    deadline: float = _setting(30.0, "seconds one picture may take; the best result so far is given", least=0.1)
    workers: int = _setting(0, "gunicorn worker processes; 0: one for every eight cores", least=0)
    threads: int = _setting(256, "most threads of a worker for uploads, and as many for all else", least=1)
    helpers: int = _setting(0, "helper processes that decode and encode; 0: one a core", least=0)
    helper_memory: int = _setting(2048 * MIB, "address space of one helper", least=768 * MIB)
    queue: int = _setting(32, "pictures of one worker that may wait for a helper; beyond it 503", least=0)
    patience: float = _setting(
        30.0, "seconds a request may take to arrive, or an answer to be taken; beyond it 10 kB a second", least=1
    )
    upload_memory: int = _setting(
        128 * MIB, "bytes of uploads one worker holds at once, at least one largest body; beyond it 503", least=1
    )
    disk_reserve: int = _setting(
        64 * MIB, "free bytes in the instance folder below which uploads are answered 507; 0: no limit", least=0
    )
    fetch_networks: str = _setting("", "private networks that pictures may be fetched from: 10.1.0.0/16,fd00:1::/32")
    fetch_ports: str = _setting("80,443", "ports that pictures may be fetched from")
    fetch_max_bytes: int = _setting(10 * MIB, "largest picture fetched by URL", least=1)
    fetch_seconds: float = _setting(15.0, "seconds that fetching one picture may take over all", least=0.1)
    fetch_max_side: int = _setting(16383, "widest and highest picture fetched by URL, in pixels (not SVG)", least=1)
    cache_bytes: int = _setting(1024 * MIB, "most bytes of results kept for pictures by URL; 0: none", least=0)
    redis_url: str = _setting("", "Redis that holds those results, for several machines; empty: the database and files")
    image_proxy: bool = _setting(False, "on: the image proxy works, for everybody and without a key")
    image_proxy_hosts: str = _setting("", "hosts it fetches from: example.org,*.example.net; empty: any public host")
    image_proxy_per_minute: int = _setting(
        120, "pictures a minute that it makes for one address; what is in the cache is not counted", least=1
    )
    image_proxy_seconds: float = _setting(20.0, "seconds that it may take over all, fetching included", least=0.1)
    imageoptim_hosts: str = _setting("", "host names at whose root the ImageOptim API answers: img.example.org")
    imageoptim_per_minute: int = _setting(
        120, "pictures a minute that it makes for one address; what is in the cache is not counted", least=1
    )
    secret: str = _setting("", "32 or more characters that signing keys are made from; empty: in the instance folder")
    link_seconds: int = _setting(600, "how long a download link lives", least=1)
    lease_seconds: int = _setting(30, "how long one download may hold a link before another may try", least=1)
    janitor_seconds: int = _setting(30, "pause between two sweeps of expired links and files", least=1)
    proxy_hops: int = _setting(0, "trusted reverse proxies in front, for X-Forwarded-For and -Proto", least=0)
    log_level: str = _setting("info", "debug, info, warning or error")

    @property
    def database(self) -> str:
        """The database's SQLAlchemy URL, with the default filled in."""
        return self.database_url or f"sqlite+pysqlite:///{self.instance.absolute() / 'imgsvc.sqlite3'}"

    @property
    def worker_processes(self) -> int:
        """How many gunicorn workers there are, at least 1, with the default filled in."""
        return self.workers or max(1, cores() // 8)

    @property
    def worker_helpers(self) -> int:
        """How many helpers each gunicorn worker keeps, at least 1: the helpers divided over the workers."""
        return max(1, (self.helpers or cores()) // self.worker_processes)


def cores() -> int:
    """How many cores this process may run on, at least 1."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Settings from IMGSVC_* variables (os.environ by default); SettingsError for unknown names or bad values."""
    given = os.environ if environ is None else environ
    known = {PREFIX + f.name.upper(): f for f in fields(Settings)}
    names = [name for name in given if name.startswith(PREFIX)]
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise SettingsError(f"unknown setting {', '.join(unknown)}; known are {', '.join(sorted(known))}")
    return Settings(**{known[name].name: _read(name, given[name], known[name]) for name in names})


def _read(name: str, text: str, setting: Any) -> Any:
    default, least = setting.default, setting.metadata["least"]
    try:
        value = _parse(text.strip(), type(default))
    except ValueError:
        raise SettingsError(f"{name}: got {echo(text)}, expected {_wanted(type(default))}") from None
    if isinstance(value, float) and not isfinite(value):
        raise SettingsError(f"{name}: got {echo(text)}, expected a finite number")
    if least is not None and value < least:
        raise SettingsError(f"{name}: got {echo(text)}, expected at least {least}")
    return value


def _parse(text: str, kind: Any) -> Any:
    if kind is bool:
        if text.lower() not in _WORDS:
            raise ValueError(text)
        return _WORDS[text.lower()]
    return Path(text) if issubclass(kind, Path) else kind(text)


def _wanted(kind: type) -> str:
    return {bool: "on or off", int: "a whole number", float: "a number"}.get(kind, "text")


def table() -> str:
    """The settings as a Markdown table, as the README holds it."""
    rows = [f"| `{PREFIX}{f.name.upper()}` | `{_shown(f.default)}` | {f.metadata['help']} |" for f in fields(Settings)]
    return "\n".join(["| variable | default | what it is |", "|---|---|---|", *rows])


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value) or " "
