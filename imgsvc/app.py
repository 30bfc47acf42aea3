"""Puts the parts together: the only file that knows all of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from imgsvc import answers, pages
from imgsvc.dialects import DIALECTS
from imgsvc.downloads import Downloads
from imgsvc.fetch import Fetcher, Rules, hosts
from imgsvc.gate import Gate
from imgsvc.observe import Log
from imgsvc.pace import Pace
from imgsvc.room import Room
from imgsvc.sandbox import Dead, Late, Pool, sweep
from imgsvc.service import Service
from imgsvc.settings import Settings, load
from imgsvc.store import cache, facts, secret
from imgsvc.store.blobs import Blobs
from imgsvc.store.db import Database
from imgsvc.store.janitor import Janitor
from imgsvc.store.results import Shelf
from imgsvc.upload import ENVELOPE

ABANDONED = 300.0
"""Seconds beyond the deadline after which the folder of a picture has nobody who works in it."""
FIRST_LOOKS = (1, 2, 4, 8, 16)
"""Seconds between looks at helpers that have just been started."""
HERE = Path(__file__).resolve().parent


def create_app(
    settings: Settings | None = None,
    *,
    pool: Pool | None = None,
    log: Log | None = None,
    clock: Callable[[], float] = time.time,
) -> Flask:
    """The app: settings from the environment, a pool and a log of its own, unless they are given.

    Brings the database up to date. What must not cross a fork starts with the first request of a process.
    """
    settings = settings or load()
    log = log or Log(settings.log_level)
    service = build(settings, pool, clock, log)
    if pool is None:
        tell_fences(service, log)
    gate = Gate(settings, service.database, clock)
    app = bare(settings)
    answers.install(app, log, DIALECTS, Pace(settings.patience))
    for dialect in DIALECTS:
        if dialect.arrive:
            app.wsgi_app = before(app.wsgi_app, dialect.arrive(settings))  # type: ignore[method-assign]
    app.before_request(once(starter(service, log)))
    for dialect in DIALECTS:
        app.register_blueprint(dialect.routes(service, gate))
    app.register_blueprint(pages.routes(service))
    return app


def build(settings: Settings, pool: Pool | None, clock: Callable[[], float], log: Log | None = None) -> Service:
    """The service, with its folders made and its database up to date. Helpers that do not start are told to the log."""
    jobs = settings.instance / "jobs"
    jobs.mkdir(mode=0o700, parents=True, exist_ok=True)
    database = Database(settings.database)
    database.upgrade()
    rules, name = Rules.of(settings), facts.name(database)
    # Forked workers must not share the connections that the upgrade used.
    database.close()
    own = pool or Pool(
        jobs,
        helpers=settings.worker_helpers,
        queue=settings.queue,
        memory=settings.helper_memory,
        report=lambda why: (log or Log()).write("helper does not start", level="error", reason=why),
    )
    room = Room(max(settings.upload_memory, settings.max_body + ENVELOPE))
    blobs = Blobs(settings.instance / "blobs")
    results = cache.Cache(
        shelf(settings, database, blobs),
        clock=clock,
        report=lambda error: (log or Log()).write("cache out of order", level="error", reason=repr(error)),
    )
    downloads = Downloads(database, blobs, settings.link_seconds, settings.lease_seconds, clock)
    return Service(settings, database, own, room, Fetcher(rules, name), results, downloads, clock)


def check(settings: Settings) -> None:
    """SettingsError where a setting holds what `create_app` would refuse, so that a start fails before any fork."""
    Log(settings.log_level)
    Rules.of(settings)
    hosts(settings.image_proxy_hosts, "IMGSVC_IMAGE_PROXY_HOSTS")
    hosts(settings.imageoptim_hosts, "IMGSVC_IMAGEOPTIM_HOSTS")
    secret.check(settings)
    database = Database(settings.database)
    shelf(settings, database, Blobs(settings.instance / "blobs"))


def shelf(settings: Settings, database: Database, blobs: Blobs) -> Shelf:
    """Where results are kept; touches nothing."""
    return cache.shelf(
        database, blobs, redis_url=settings.redis_url, room=settings.cache_bytes, reserve=settings.disk_reserve
    )


def tell_fences(service: Service, log: Log) -> None:
    """One line that names each fence around the helpers, a warning where one is missing."""
    try:
        fences = service.pool.survey()
    except (OSError, Dead, Late) as error:
        log.write("no helper starts", level="error", reason=str(error))
        return
    level = "info" if all(fence.up for fence in fences) else "warning"
    log.write("fences", level=level, **{f.name: f.note if f.up else f"missing: {f.note}" for f in fences})


def starter(service: Service, log: Log) -> Callable[[], None]:
    """What sets a process to work: its helpers, and a janitor for links and for what a crash left behind."""
    janitor = Janitor(
        service.database,
        service.downloads.blobs,
        seconds=service.settings.janitor_seconds,
        report=lambda error: log.write("janitor failed", level="error", reason=repr(error)),
        clock=service.clock,
    )

    def start() -> None:
        sweep(service.settings.instance / "jobs", older=ABANDONED + service.settings.deadline)
        janitor.start()
        service.start()
        threading.Thread(target=watch, name="imgsvc-first-looks", daemon=True).start()

    def watch() -> None:
        # So that the log tells of a broken installation before the first picture does.
        for seconds in FIRST_LOOKS:
            time.sleep(seconds)
            service.pool.load()

    return start


def bare(settings: Settings) -> Flask:
    """An app without routes but its static files, which knows nothing of sessions or redirects."""
    templates = next((folder for folder in (HERE / "templates", HERE.parent / "templates") if folder.is_dir()), HERE)
    app = Flask("imgsvc", template_folder=str(templates), static_folder=str(templates / "static"))
    app.url_map.merge_slashes = False
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body + ENVELOPE
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.json.sort_keys = False  # type: ignore[attr-defined]
    if settings.proxy_hops:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=settings.proxy_hops, x_proto=settings.proxy_hops)  # type: ignore[method-assign]
    return app


def before(app: Any, arrive: Callable[[dict[str, Any]], None]) -> Any:
    """The WSGI application, whose requests are shown to `arrive` first."""

    def answer(environ: dict[str, Any], start: Any) -> Any:
        arrive(environ)
        return app(environ, start)

    return answer


def once(action: Callable[[], None]) -> Callable[[], None]:
    """The action, done by whoever calls first and skipped by all later callers."""
    turns = threading.Semaphore(1)

    def first() -> None:
        if turns.acquire(blocking=False):
            action()

    return first
