"""What all tests share: one pool of helpers, pictures made on the spot, and sites to ask."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from PIL import Image
from werkzeug.test import TestResponse

from imgsvc.app import create_app
from imgsvc.observe import Log
from imgsvc.sandbox import Pool
from imgsvc.settings import MIB, Settings
from imgsvc.store import keys
from imgsvc.store.db import Database

OPTIMIZE = "/api/v1/optimize"


@dataclass(frozen=True)
class Site:
    """A running app, a key to it, its log, and the clock it goes by."""

    app: Flask
    settings: Settings
    key: str
    log: StringIO
    clock: Clock

    def ask(self, method: str, path: str, **options: Any) -> TestResponse:
        return self.app.test_client().open(path, method=method, **options)

    def get(self, path: str, **options: Any) -> TestResponse:
        return self.ask("GET", path, **options)

    def post(
        self,
        image: bytes | None = None,
        *,
        name: str = "photo.png",
        path: str = OPTIMIZE,
        headers: Any = None,
        **form: Any,
    ) -> TestResponse:
        """Posts a picture and text fields as a client with a key does."""
        parts = form if image is None else {"image": (BytesIO(image), name), **form}
        sent = {"X-API-Key": self.key} if headers is None else headers
        return self.ask("POST", path, data=parts, headers=sent, content_type="multipart/form-data")

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.getvalue().splitlines()]

    def issue(self, **limits: int) -> keys.Key:
        return self.issue_secret(**limits)[0]

    def issue_secret(self, **limits: int) -> tuple[keys.Key, str]:
        database = Database(self.settings.database)
        try:
            return keys.issue(database, "another", now=self.clock(), **limits)
        finally:
            database.close()

    def revoke(self, key: keys.Key) -> None:
        database = Database(self.settings.database)
        keys.revoke(database, key.id)
        database.close()

    def kept(self) -> list[Path]:
        """The files that wait for a download."""
        return [
            path for path in (self.settings.instance / "blobs").rglob("*") if path.is_file() and path.suffix != ".lock"
        ]


@dataclass
class Clock:
    """A clock that moves when told to. It starts at the real time, which files are stamped with."""

    now: float = field(default_factory=time.time)

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="session")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    """Two helpers for the whole session: starting them costs more than most tests."""
    made = Pool(tmp_path_factory.mktemp("jobs"), helpers=2, queue=32, memory=2048 * MIB)
    yield made
    made.close()


@pytest.fixture(scope="session")
def site(pool: Pool, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A site with the settings as they come."""
    return founded(tmp_path_factory.mktemp("site"), pool)


@pytest.fixture
def found(pool: Pool, tmp_path: Path) -> Callable[..., Site]:
    """Makes a site of its own for a test, with other settings or another pool."""

    def make(pool: Any = pool, **settings: Any) -> Site:
        return founded(tmp_path, pool, **settings)

    return make


def founded(folder: Path, pool: Any, **changes: Any) -> Site:
    settings = Settings(instance=folder, janitor_seconds=3600, **changes)
    log, clock = StringIO(), Clock()
    app = create_app(settings, pool=pool, log=Log(settings.log_level, log), clock=clock)
    database = Database(settings.database)
    _, secret = keys.issue(database, "tests", now=clock())
    database.close()
    return Site(app, settings, secret, log, clock)


@pytest.fixture(scope="session")
def picture() -> Callable[..., bytes]:
    """Makes a picture file: a colour gradient with some grain, which every codec can make smaller."""
    return painted


@pytest.fixture(scope="session")
def photo() -> bytes:
    """A tiny picture for tests that look at anything but the picture."""
    return painted("JPEG", (16, 16))


def painted(kind: str = "PNG", size: tuple[int, int] = (48, 32), mode: str = "RGB", **options: Any) -> bytes:
    ramp = Image.linear_gradient("L").resize(size)
    grain = Image.effect_noise(size, 12)
    bands = [Image.blend(ramp, grain, share) for share in (0.1, 0.3, 0.5)]
    image = Image.merge("RGB", bands)
    if mode == "RGBA":
        image.putalpha(ramp.rotate(90).resize(size))
    else:
        image = image.convert(mode)
    out = BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


@pytest.fixture(scope="session")
def opened() -> Callable[[bytes], Image.Image]:
    """Opens a picture file and decodes it whole."""

    def load(data: bytes) -> Image.Image:
        image = Image.open(BytesIO(data))
        image.load()
        return image

    return load
