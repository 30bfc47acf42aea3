"""Takes the one picture out of a request: from a multipart body, with the text fields beside it, or as the body."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import IO, cast

from werkzeug import Request
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge
from werkzeug.formparser import FormDataParser

from imgsvc.errors import BadParameter, InputError, MissingImage, TooManyBytes

ENVELOPE = 64 * 1024
"""Bytes of a body beyond its file: boundaries, headers and the other fields."""
CHUNK = 64 * 1024
MAX_PARTS = 50
PARSER_MEMORY = 2 * 64 * 1024
"""Werkzeug counts its own window of 64 kB towards the memory of a text field: less than twice that fails files."""


@dataclass(frozen=True, slots=True)
class Upload:
    """One picture, its name as the sender gives it, and the text fields that came with it."""

    data: bytes
    filename: str
    form: Mapping[str, str]


class Pile:
    """A file in memory that says how much it is about to grow; `read` and `seek` are those of a file."""

    def __init__(self, grow: Callable[[int], None]) -> None:
        self._file = BytesIO()
        self._grow = grow
        self.read, self.seek = self._file.read, self._file.seek

    def write(self, data: bytes) -> int:
        self._grow(len(data))
        return self._file.write(data)


def read(
    request: Request,
    *,
    max_bytes: int,
    parameters: Sequence[str],
    grow: Callable[[int], None] = lambda _: None,
    part: str = "image",
) -> Upload:
    """The file in the part of that name and the fields; InputError for anything but exactly one file in a whole body.

    Each of `parameters` may come once, as text. Fields of other names are nobody's and may be anything.
    `grow` is told of the bytes of files before they are kept, and may raise.
    """
    form, files = _parts(request, max_bytes, grow, part)
    for name in parameters:
        if name in files:
            raise BadParameter(f"{name}: got a file, expected text.", name=name)
        if len(form.getlist(name)) > 1:
            raise BadParameter(f"{name}: got {len(form.getlist(name))} values, expected one.", name=name)
    images = files.getlist(part)
    if part in form:
        raise MissingImage(f"{part}: got a text field, expected a file (with curl: -F {part}=@photo.jpg).")
    if len(images) > 1:
        raise InputError(f"{part}: got {len(images)} files, expected one.")
    if not images:
        raise _missing(part)
    return Upload(images[0].stream.read(), images[0].filename or "", form.to_dict())


def read_raw(request: Request, *, max_bytes: int, grow: Callable[[int], None] = lambda _: None) -> bytes:
    """The picture that is the whole body, and may be empty; TooManyBytes, InputError for a body that is cut short.

    `grow` is told of bytes before they are kept, and may raise.
    """
    if request.content_length and request.content_length > max_bytes:
        raise TooManyBytes(f"body: got {request.content_length} bytes, expected at most {max_bytes} bytes.")
    # Werkzeug refuses a body of unknown length as soon as it reaches its limit.
    request.max_content_length = max_bytes + 1
    pile = Pile(grow)
    try:
        while piece := request.stream.read(CHUNK):
            pile.write(piece)
    except RequestEntityTooLarge:
        raise TooManyBytes(f"body: got more than {max_bytes} bytes, expected at most {max_bytes} bytes.") from None
    except (ValueError, ClientDisconnected):
        raise InputError("body: cut short, expected a whole picture.") from None
    pile.seek(0)
    return pile.read()


def _missing(part: str) -> MissingImage:
    return MissingImage(f"{part}: missing, expected one picture file in the multipart field '{part}'.")


def _parts(
    request: Request, max_bytes: int, grow: Callable[[int], None], part: str
) -> tuple[MultiDict[str, str], MultiDict[str, FileStorage]]:
    kind = request.headers.get("Content-Type", "")
    if not kind:
        raise _missing(part)
    if request.mimetype != "multipart/form-data" or not request.mimetype_params.get("boundary"):
        raise BadParameter.of("Content-Type", kind, "multipart/form-data with a boundary")
    if request.content_length and request.content_length > max_bytes + ENVELOPE:
        raise TooManyBytes(f"{part}: got {request.content_length} bytes, expected at most {max_bytes}.")
    request.max_content_length = max_bytes + ENVELOPE
    # Not silent: by default Werkzeug takes a body without its final boundary, an upload cut short, for a whole one.
    parser = FormDataParser(_piled(grow), PARSER_MEMORY, max_form_parts=MAX_PARTS, silent=False)
    try:
        _, form, files = parser.parse(request.stream, request.mimetype, request.content_length, request.mimetype_params)
    except RequestEntityTooLarge:
        raise TooManyBytes(
            f"{part}: got a body that is too large, expected a file of at most {max_bytes} bytes "
            f"among at most {MAX_PARTS} parts with short texts."
        ) from None
    except (ValueError, ClientDisconnected):
        raise InputError(f"{part}: the body is cut short or malformed, expected whole multipart/form-data.") from None
    return form, files


def _piled(grow: Callable[[int], None]) -> Callable[..., IO[bytes]]:
    return lambda *_, **__: cast(IO[bytes], Pile(grow))
