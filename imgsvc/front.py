"""gunicorn inside: serves the app with few workers and many threads, as `imgsvc serve` starts it."""

from __future__ import annotations

import logging
import resource
import socket
from typing import Any

from gunicorn.app.base import BaseApplication

from imgsvc.app import create_app
from imgsvc.lobby import Worker
from imgsvc.observe import Log
from imgsvc.settings import Settings, SettingsError

GRACE = 5
"""Seconds beyond the deadline of a picture that a stopping worker waits for its answers."""
KEEP_ALIVE = 15
LONGEST_LINE = 8190
"""Bytes of a request's first line, the most that gunicorn takes: URLs in it have URLs inside, encoded at that."""
CONNECTIONS = 4000
"""Connections of one worker; more wait in the system's queue."""


class Front(BaseApplication):  # type: ignore[misc]  # gunicorn is untyped
    """gunicorn's own way to be embedded: it asks for options and for the app, once in each worker after the fork."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        super().__init__()

    def load_config(self) -> None:
        for name, value in options(self.settings).items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        return create_app(self.settings)


class Lines(logging.Handler):
    """Makes what gunicorn says lines of our log."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self.log = log

    def emit(self, record: logging.LogRecord) -> None:
        level = "error" if record.levelno > logging.ERROR else record.levelname.lower()
        trace = logging.Formatter().formatException(record.exc_info) if record.exc_info else None
        self.log.write("server", level=level, pid=record.process, message=record.getMessage(), traceback=trace)


def probe(settings: Settings) -> None:
    """SettingsError where the address cannot be listened on; gunicorn would try for five seconds, in a dozen lines."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        socket.create_server((settings.host, settings.port), family=family).close()
    except OSError as error:
        place = f"{settings.host}, port {settings.port}"
        raise SettingsError(f"IMGSVC_HOST, IMGSVC_PORT: cannot listen on {place}: {error.strerror}") from None


def options(settings: Settings) -> dict[str, Any]:
    """gunicorn's settings for ours; the workers are gthread with a lobby."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return {
        "bind": f"{host}:{settings.port}",
        "worker_class": Worker,
        "workers": settings.worker_processes,
        "threads": settings.threads,
        "worker_connections": CONNECTIONS,
        "graceful_timeout": int(settings.deadline) + GRACE,
        "keepalive": KEEP_ALIVE,
        "limit_request_line": LONGEST_LINE,
        "proc_name": "imgsvc",
        "loglevel": settings.log_level,
        "logconfig_dict": logging_to(Log(settings.log_level)),
        # Its default is one fixed path in the home folder, which a container's user may not have.
        "control_socket_disable": True,
    }


def logging_to(log: Log) -> dict[str, Any]:
    """Python's logging set up so that all of it ends in `log`."""
    ours = {"handlers": ["lines"], "level": log.level.upper(), "propagate": False}
    return {
        "handlers": {"lines": {"()": Lines, "log": log}},
        "formatters": {},
        "loggers": {"gunicorn.error": ours},
        "root": {"handlers": ["lines"], "level": "WARNING"},
    }


def run(settings: Settings) -> None:
    """Serve until SIGTERM, SIGINT or SIGQUIT; SIGTERM lets running answers end first. Ends the process."""
    _allow_files()
    Front(settings).run()


def _allow_files() -> None:
    """Raise the number of open files to what connections may need, as far as the system lets us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * CONNECTIONS if hard == resource.RLIM_INFINITY else min(hard, 2 * CONNECTIONS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
