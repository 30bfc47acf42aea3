"""How quickly /health answers, asked by a process of its own so that the attackers' work does not count."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.soak.client import Site

PAUSE = 0.05
"""Seconds between two looks."""
LONGEST = 30.0
"""Seconds after which a look counts as failed, and as that long."""
ROOT = Path(__file__).resolve().parents[2]


@dataclass(slots=True)
class Pulse:
    """Seconds of each look, and how many got no 200. Filled when the block that watches ends."""

    seconds: list[float] = field(default_factory=list)
    failed: int = 0


@contextmanager
def watched(site: Site) -> Iterator[Pulse]:
    """Look at /health again and again while the block runs."""
    pulse = Pulse()
    command = [sys.executable, "-m", "bench.soak.pulse", str(site.port)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        process.stdout.readline()
        try:
            yield pulse
        finally:
            out, _ = process.communicate("", timeout=2 * LONGEST)
            said = json.loads(out)
            pulse.seconds, pulse.failed = said["seconds"], said["failed"]


def main() -> None:
    """Look until standard input ends, then print what was seen."""
    site, over = Site(int(sys.argv[1]), seconds=LONGEST), threading.Event()

    def listen() -> None:
        sys.stdin.read()
        over.set()

    threading.Thread(target=listen, daemon=True).start()
    sys.stdout.write("up\n")
    sys.stdout.flush()
    seconds, failed = [], 0
    while not over.is_set():
        begin = time.monotonic()
        good = site.get("/health").status == 200
        seconds.append(time.monotonic() - begin if good else LONGEST)
        failed += not good
        over.wait(PAUSE)
    sys.stdout.write(json.dumps({"seconds": seconds, "failed": failed}))


if __name__ == "__main__":
    main()
