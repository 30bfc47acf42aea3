"""Puts the parts together: the only file that knows all of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from imgsvc import pages, web
from imgsvc.dialects import DIALECTS
from imgsvc.gate import Gate
from imgsvc.observe import Log
from imgsvc.sandbox import Pool, sweep
from imgsvc.service import Service
from imgsvc.settings import Settings, load
from imgsvc.store.blobs import Blobs
from imgsvc.store.db import Database
from imgsvc.store.janitor import Janitor
from imgsvc.upload import ENVELOPE

ABANDONED = 300.0
"""Seconds beyond the deadline after which the folder of a picture has nobody who works in it."""
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
    service = build(settings, pool, clock)
    gate = Gate(settings, service.database, clock)
    app = bare(settings)
    web.install(app, log, DIALECTS)
    app.before_request(once(starter(service, log)))
    for dialect in DIALECTS:
        app.register_blueprint(dialect.routes(service, gate))
    app.register_blueprint(pages.routes(service))
    return app


def build(settings: Settings, pool: Pool | None, clock: Callable[[], float]) -> Service:
    """The service, with its folders made and its database up to date."""
    jobs = settings.instance / "jobs"
    jobs.mkdir(mode=0o700, parents=True, exist_ok=True)
    database = Database(settings.database)
    database.upgrade()
    # Forked workers must not share the connections that the upgrade used.
    database.close()
    own = pool or Pool(jobs, helpers=settings.worker_helpers, queue=settings.queue, memory=settings.helper_memory)
    return Service(settings, database, Blobs(settings.instance / "blobs"), own, clock)


def starter(service: Service, log: Log) -> Callable[[], None]:
    """What sets a process to work: its helpers, and a janitor for links and for what a crash left behind."""
    janitor = Janitor(
        service.database,
        service.blobs,
        seconds=service.settings.janitor_seconds,
        report=lambda error: log.write("janitor failed", level="error", reason=repr(error)),
        clock=service.clock,
    )

    def start() -> None:
        sweep(service.settings.instance / "jobs", older=ABANDONED + service.settings.deadline)
        janitor.start()
        service.start()

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


def once(action: Callable[[], None]) -> Callable[[], None]:
    """The action, done by whoever calls first and skipped by all later callers."""
    turns = threading.Semaphore(1)

    def first() -> None:
        if turns.acquire(blocking=False):
            action()

    return first
