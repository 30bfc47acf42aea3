"""A client of the service that notes what it sees: status, headers, body, seconds, or how the connection ended."""

from __future__ import annotations

import http.client
import json
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

HOST = "127.0.0.1"
OPTIMIZE = "/api/v1/optimize"
SECONDS = 120.0
NONE: Mapping[str, str] = {}
CLIENTS = 4
T = TypeVar("T")
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. Status 0 is a connection that failed, `fault` says how; header names are lower case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    seconds: float = 0.0
    fault: str = ""

    @property
    def json(self) -> dict[str, Any]:
        """The body as a JSON object, empty where it is none."""
        try:
            said = json.loads(self.body)
        except ValueError:
            return {}
        return said if isinstance(said, dict) else {}

    @property
    def broken(self) -> bool:
        """Whether the service is to blame: 5xx but for refusals that say when to come back, or no answer at all."""
        return self.status == 0 or (self.status >= 500 and "retry-after" not in self.headers)


@dataclass(frozen=True, slots=True)
class Site:
    """Where the service is, and a key to it."""

    port: int
    key: str = ""
    seconds: float = SECONDS
    """How long an answer is waited for."""

    def post(self, image: bytes, filename: str = "picture", **form: str) -> Answer:
        """A picture with text fields, as a browser sends it."""
        head, body = self.upload(image, filename, **form)
        return self.ask("POST", OPTIMIZE, body, head)

    def get(self, path: str, method: str = "GET", headers: Mapping[str, str] = NONE) -> Answer:
        """A request without a body."""
        return self.ask(method, path, None, headers)

    def upload(self, image: bytes, filename: str = "picture", **form: str) -> tuple[dict[str, str], bytes]:
        """The headers and the body of an upload."""
        mark = secrets.token_hex(16)
        shown = filename.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
        parts = [f'name="image"; filename="{shown}"\r\n\r\n'.encode() + image]
        parts += [f'name="{name}"\r\n\r\n{text}'.encode() for name, text in form.items()]
        body = b"".join(f"--{mark}\r\nContent-Disposition: form-data; ".encode() + part + b"\r\n" for part in parts)
        head = {"X-API-Key": self.key, "Content-Type": f"multipart/form-data; boundary={mark}"}
        return head, body + f"--{mark}--\r\n".encode()

    def ask(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        """One request on a connection of its own."""
        begin = time.monotonic()
        line = http.client.HTTPConnection(HOST, self.port, timeout=self.seconds)
        try:
            line.request(method, path, body, {"Connection": "close", **headers})
            answer = line.getresponse()
            data = answer.read()
            known = {name.lower(): text for name, text in answer.getheaders()}
            return Answer(answer.status, known, data, time.monotonic() - begin)
        except (OSError, http.client.HTTPException) as error:
            fault = f"{type(error).__name__}: {error}"
            return Answer(0, seconds=time.monotonic() - begin, fault=fault)
        finally:
            line.close()


def crowd(act: Callable[[Item], T], items: Sequence[Item], clients: int = CLIENTS) -> list[T]:
    """What `act` gives for each item, so many at once."""
    with ThreadPoolExecutor(clients) as threads:
        try:
            return list(threads.map(act, items))
        except BaseException:
            threads.shutdown(wait=False, cancel_futures=True)
            raise
