"""nginx on a port of its own: files of a folder, and one service behind it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bench import programs
from bench.servers import HOST, START_SECONDS, STOP_SECONDS, reachable

CONFIG = """
daemon off;
worker_processes 1;
pid {home}/pid;
error_log {home}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log off;
    types {{ image/jpeg jpg; image/webp webp; }}
    client_body_temp_path {home}/body;
    proxy_temp_path {home}/proxy;
    fastcgi_temp_path {home}/fastcgi;
    uwsgi_temp_path {home}/uwsgi;
    scgi_temp_path {home}/scgi;
    upstream behind {{ server {host}:{behind}; keepalive 16; }}
    server {{
        listen {host}:{port};
        root {folder};
        location /api/ {{
            proxy_pass http://behind;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }}
    }}
}}
"""


@contextmanager
def serving(home: Path, port: int, folder: Path, behind: int = 9) -> Iterator[None]:
    """The files of `folder` at `port`, and at its /api/ the service at port `behind`; RuntimeError if it fails."""
    home.mkdir()
    config = home / "nginx.conf"
    config.write_text(CONFIG.format(home=home, host=HOST, port=port, folder=folder, behind=behind))
    process = subprocess.Popen(
        [programs.program("nginx"), "-c", str(config), "-e", str(home / "error.log")],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        until = time.monotonic() + START_SECONDS
        while not reachable(port):
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"nginx: did not start: {(home / 'error.log').read_text()[-300:]}")
            time.sleep(0.05)
        yield
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        process.wait(STOP_SECONDS)
