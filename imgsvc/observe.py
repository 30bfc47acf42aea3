"""What the operator sees: one line of JSON for each event, and the id that ties a request to its line."""

from __future__ import annotations

import json
import re
import secrets
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TextIO

from imgsvc.errors import echo
from imgsvc.settings import SettingsError

LEVELS = ("debug", "info", "warning", "error")
_REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)


def request_id(offered: str | None) -> str:
    """The id a client offers where it is 1-64 letters, digits, dots, dashes or underscores; otherwise a new one."""
    return offered if offered and _REQUEST_ID.fullmatch(offered) else secrets.token_hex(8)


@dataclass(frozen=True, slots=True)
class Log:
    """Writes events at or above a level, each as one line of JSON; SettingsError for a level that is none."""

    level: str = "info"
    stream: TextIO | None = None
    """Where to; None: what sys.stderr is at the time."""

    def __post_init__(self) -> None:
        if self.level not in LEVELS:
            raise SettingsError(f"IMGSVC_LOG_LEVEL: got {echo(self.level)}, expected one of {', '.join(LEVELS)}")

    def write(self, event: str, *, level: str = "info", **facts: Any) -> None:
        """One line: time (UTC), level, event and the facts, those that are None left out."""
        if LEVELS.index(level) < LEVELS.index(self.level):
            return
        known = {name: value for name, value in facts.items() if value is not None}
        line = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "level": level, "event": event} | known
        stream = self.stream or sys.stderr
        # The whole line in one call: threads share the stream and must not cut each other's lines.
        stream.write(json.dumps(line, default=str) + "\n")
        stream.flush()
