"""The error tree: every failure knows its HTTP status, a stable code and a sentence safe to show.

    ImgsvcError              500 internal
    ├── InputError           400 bad_request          the caller can mend it
    │   ├── BadParameter     400 bad_parameter        a named parameter with a wrong value
    │   ├── MissingImage     400 image_missing        no upload, or an empty one
    │   ├── UrlNotAllowed    400 url_not_allowed      not fetched, for whatever reason
    │   │   └── HostNotAllowed  403 host_not_allowed  not among the hosts that were named
    │   ├── TooManyBytes     413 too_many_bytes
    │   ├── TooManyPixels    413 too_many_pixels      sides, area, frames
    │   ├── UnsupportedKind  415 unsupported_kind     not one of the formats taken
    │   ├── BadPicture       422 bad_picture          damaged, or harmful to its decoder
    │   ├── TooSlow          422 too_slow             not done within the deadline
    │   │   └── Unfinished   422 unfinished           fetched, and nothing came of it in time
    │   └── SlowUpload       408 slow_upload          the sender took too long
    ├── NotAuthorized        401 not_authorized
    ├── Forbidden            403 forbidden
    │   ├── UnknownAccount   403 unknown_account
    │   └── BadSignature     403 bad_signature        missing, wrong or out of date
    ├── NotFound             404 not_found
    ├── WrongMethod          405 wrong_method
    ├── InUse                409 in_use               somebody else holds it; retry_after tells when
    ├── TooManyRequests      429 too_many_requests
    ├── ClientGone           499 client_gone          nobody waits for the answer; for the log
    ├── Busy                 503 busy                 the queue is full; retry_after tells when
    │   └── OutOfOrder       503 out_of_order         no helper can be started
    ├── SourceFailed         502 source_failed        the picture's own server did not give it
    │   ├── SourceMissing    404 source_missing
    │   ├── SourceDenied     403 source_denied
    │   └── SourceSlow       504 source_slow
    └── StorageFull          507 storage_full

A dialect may answer with another status (its own table decides); it never invents the sentence.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

LONGEST_ECHO = 60


class ImgsvcError(Exception):
    """Anything that goes wrong on purpose; `message` may be shown to anyone."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"
    sentence: ClassVar[str] = "Something went wrong on the server; the picture was not optimised."

    def __init__(self, message: str | None = None, *, retry_after: int | None = None) -> None:
        self.message = message or self.sentence
        self.retry_after = retry_after
        super().__init__(self.message)

    def to_wire(self) -> dict[str, Any]:
        """The error as JSON values: code, message, retry_after (seconds or None)."""
        return {"code": self.code, "message": self.message, "retry_after": self.retry_after}


class InputError(ImgsvcError):
    status = 400
    code = "bad_request"
    sentence = "The request is not valid."


class BadParameter(InputError):
    """A parameter whose value cannot be used; the sentence names it, the value and what was expected."""

    code = "bad_parameter"

    def __init__(self, message: str | None = None, *, retry_after: int | None = None, name: str = "") -> None:
        super().__init__(message, retry_after=retry_after)
        self.name = name

    @classmethod
    def of(cls, name: str, value: object, expected: str) -> BadParameter:
        """The error for parameter `name` that got `value` where `expected` describes a good one."""
        return cls(f"{name}: got {echo(value)}, expected {expected}.", name=name)


class MissingImage(InputError):
    code = "image_missing"
    sentence = "image: missing, expected one picture file in the multipart field 'image'."


class UrlNotAllowed(InputError):
    """One sentence for every reason: another would tell a stranger what is inside of our network."""

    code = "url_not_allowed"
    sentence = "url: not fetched, expected http or https, a public server and one of the usual ports."

    @classmethod
    def because(cls, reason: str) -> Self:
        """The error with a reason for the log, which no answer shows."""
        error = cls()
        error.add_note(reason)
        return error


class HostNotAllowed(UrlNotAllowed):
    """Tells nothing of our network: which hosts are named is known without asking any."""

    status = 403
    code = "host_not_allowed"
    sentence = "url: not fetched, its host is not among those that pictures may be asked of."


class TooManyBytes(InputError):
    status = 413
    code = "too_many_bytes"
    sentence = "image: the file is too large."


class TooManyPixels(InputError):
    status = 413
    code = "too_many_pixels"
    sentence = "image: the picture is too large."


class UnsupportedKind(InputError):
    status = 415
    code = "unsupported_kind"
    sentence = "image: not a picture that can be read, expected JPEG, PNG, WebP, GIF, AVIF, BMP, TIFF or SVG."


class BadPicture(InputError):
    status = 422
    code = "bad_picture"
    sentence = "image: the picture is damaged and cannot be decoded."


class TooSlow(InputError):
    status = 422
    code = "too_slow"
    sentence = "image: the picture took too long to optimise."


class Unfinished(TooSlow):
    code = "unfinished"


class SlowUpload(InputError):
    status = 408
    code = "slow_upload"
    sentence = "image: the upload came too slowly, expected at least 10 kB a second."


class NotAuthorized(ImgsvcError):
    status = 401
    code = "not_authorized"
    sentence = "Invalid or missing API key."


class Forbidden(ImgsvcError):
    status = 403
    code = "forbidden"
    sentence = "The API is disabled."


class UnknownAccount(Forbidden):
    code = "unknown_account"
    sentence = "username: there is no such account."


class BadSignature(Forbidden):
    code = "bad_signature"
    sentence = "sig: missing or wrong, expected the signature of exactly this URL."


class NotFound(ImgsvcError):
    status = 404
    code = "not_found"
    sentence = "Not found."


class WrongMethod(ImgsvcError):
    status = 405
    code = "wrong_method"
    sentence = "Wrong HTTP method."


class InUse(ImgsvcError):
    status = 409
    code = "in_use"
    sentence = "Somebody else is fetching this right now; try again shortly."


class TooManyRequests(ImgsvcError):
    status = 429
    code = "too_many_requests"
    sentence = "Too many requests; try again later."


class ClientGone(ImgsvcError):
    status = 499
    code = "client_gone"
    sentence = "The client left before its picture was done."


class Busy(ImgsvcError):
    status = 503
    code = "busy"
    sentence = "The server is busy; try again shortly."


class OutOfOrder(Busy):
    code = "out_of_order"
    sentence = "The server cannot optimise pictures right now; whoever runs it can see why."


class SourceFailed(ImgsvcError):
    status = 502
    code = "source_failed"
    sentence = "url: the picture's server could not be reached, or sent no proper answer."


class SourceMissing(SourceFailed):
    status = 404
    code = "source_missing"
    sentence = "url: the picture's server has no picture there."


class SourceDenied(SourceFailed):
    status = 403
    code = "source_denied"
    sentence = "url: the picture's server does not give it to us."


class SourceSlow(SourceFailed):
    status = 504
    code = "source_slow"
    sentence = "url: the picture's server took too long."


class StorageFull(ImgsvcError):
    status = 507
    code = "storage_full"
    sentence = "The server has no room for uploads right now; try again later."


def echo(value: object) -> str:
    """A value as it may be repeated to its sender: quoted, printable, at most LONGEST_ECHO characters."""
    text = value if isinstance(value, str) else str(value)
    clean = "".join(c if c.isprintable() else "�" for c in text[: LONGEST_ECHO + 1])
    return f"'{clean[:LONGEST_ECHO]}…'" if len(text) > LONGEST_ECHO else f"'{clean}'"


def from_wire(wire: Mapping[str, Any]) -> ImgsvcError:
    """The error that `to_wire` described; an unknown code gives a plain ImgsvcError."""
    kinds = {kind.code: kind for kind in _family(ImgsvcError)}
    kind = kinds.get(str(wire.get("code")), ImgsvcError)
    retry = wire.get("retry_after")
    return kind(str(wire.get("message") or kind.sentence), retry_after=retry)


def _family(kind: type[ImgsvcError]) -> list[type[ImgsvcError]]:
    return [kind, *(member for child in kind.__subclasses__() for member in _family(child))]
