"""What the pool and a helper say to each other: one JSON object a line, checked before it is believed."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from imgsvc import errors
from imgsvc.engine import recipe, result
from imgsvc.engine.budget import Budget, Limits
from imgsvc.engine.recipe import Recipe
from imgsvc.engine.result import Result

LONGEST_LINE = 64 * 1024
LARGEST = 2**53
"""No number of a result is larger, which floating point can tell from its neighbours."""

Keep = Callable[[Result], None]
Optimize = Callable[[bytes, Recipe, Budget, Keep], Result]

_WHOLE = ("width", "height", "frames", "original_size", "original_width", "original_height")
_WORDS = ("format", "mime", "original_format")
_WORD = re.compile(r"[a-z0-9.+/-]{1,40}")
_FILE = re.compile(r"[a-z0-9-]{1,40}\.data")


@dataclass(frozen=True, slots=True)
class Task:
    """One picture to optimise; the upload and every answer are files in `folder`, `seconds` is the time left."""

    folder: str
    recipe: Recipe
    seconds: float
    limits: Limits

    def to_wire(self) -> dict[str, Any]:
        """The task as JSON values."""
        return asdict(self) | {"recipe": self.recipe.key}


def task(wire: dict[str, Any]) -> Task:
    """The task that `Task.to_wire` described."""
    return Task(wire["folder"], recipe.parse(wire["recipe"]), wire["seconds"], Limits(**wire["limits"]))


def send(line: socket.socket, message: dict[str, Any]) -> None:
    """Say one message; OSError when nobody listens."""
    line.sendall(json.dumps(message).encode() + b"\n")


def hear(read: Callable[[int], bytes]) -> dict[str, Any] | None:
    """The next message, None at the end of the line; ValueError for anything but one JSON object and a newline."""
    heard = b""
    while not heard.endswith(b"\n"):
        part = read(LONGEST_LINE)
        if not part and not heard:
            return None
        if not part or len(heard) > LONGEST_LINE:
            raise ValueError("a message without an end")
        heard += part
    return _object(heard)


def read_answer(text: bytes) -> tuple[str, dict[str, Any]]:
    """The file name and the description of a result, from an answer's JSON; ValueError for anything else."""
    wire = _object(text)
    name, said = wire.get("file"), wire.get("result")
    if not isinstance(name, str) or not isinstance(said, dict) or not _FILE.fullmatch(name):
        raise ValueError("an answer that names no file")
    return name, said


def read_result(wire: dict[str, Any], data: bytes) -> Result:
    """The result with its bytes; ValueError for values no engine of ours writes, so that they go no further."""
    try:
        plain = [_is_whole(wire[name]) for name in _WHOLE]
        plain += [isinstance(wire[name], str) and _WORD.fullmatch(wire[name]) is not None for name in _WORDS]
        plain += [_is_number(wire["seconds"]), wire["score"] is None or _is_number(wire["score"])]
        plain += [isinstance(wire["hurried"], bool)]
        plain += [_is_step(step) for step in wire["steps"]]
        if not all(plain):
            raise ValueError("a result with values out of place")
        return result.from_wire(wire, data)
    except (KeyError, TypeError) as error:
        raise ValueError("a result with parts missing") from error


def _is_step(step: dict[str, Any]) -> bool:
    return (
        all(isinstance(step[word], str) for word in ("name", "outcome", "note"))
        and (step["size"] is None or _is_whole(step["size"]))
        and (step["score"] is None or _is_number(step["score"]))
        and _is_number(step["seconds"])
    )


def _is_whole(value: Any) -> bool:
    return type(value) is int and 0 <= value <= LARGEST


def _is_number(value: Any) -> bool:
    # JSON as Python reads it knows infinities, and numbers that are none.
    return type(value) in (int, float) and -LARGEST <= value <= LARGEST


def read_reply(wire: dict[str, Any]) -> tuple[errors.ImgsvcError | None, str]:
    """What went wrong, None if nothing did, and the name of an exception nobody foresaw.

    Only what a picture or a full disk can cause: a helper decides nothing else.
    """
    said, detail = wire.get("error"), str(wire.get("detail", ""))
    if not isinstance(said, dict):
        return None, detail
    error = errors.from_wire({"code": said.get("code"), "message": said.get("message")})
    return error if isinstance(error, errors.InputError | errors.StorageFull) else errors.BadPicture(), detail


def _object(text: bytes) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except RecursionError as error:
        raise ValueError("a message nested too deep") from error
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - json.loads raises it too, callers catch one kind
    return value
